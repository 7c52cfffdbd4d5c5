/**
 * What is recorded is enough. A pool that repeats the events, or that starts from a dump and
 * repeats the rest, has the same state, byte for byte; and from then on it answers the same
 * commands in the same way. Between the two pools nothing is shared but bytes and JSON.
 */
import { expect, test } from 'vitest';
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { Pool } from '../../src/core/pool.ts';
import { decodeDump, decodeEvents, encodeDump, encodeEvents } from '../../src/host/codec.ts';
import { firstDifference } from './differences.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { forEachScript, type Script, START } from './scripts.ts';
import { Teller } from './teller.ts';

test('the events rebuild the state byte for byte', { timeout: 600_000 }, () => {
  forEachScript(500, (script) => {
    const pool = new Pool(script.options);
    const middle = Math.floor(script.steps.length / 2);
    let atMiddle: Uint8Array[] = [];
    const before: Event[] = [];
    const after: Event[] = [];
    const told = tell(script, [pool], (index) => {
      (index < middle ? before : after).push(...pool.takeEvents());
      if (index === middle - 1) atMiddle = bytesOf(pool);
    });

    const repeated = new Pool(script.options);
    repeated.apply(throughJson([...before, ...after]));
    sameBytes(told, 'a pool that repeated all events', pool, repeated);

    if (middle === 0) return;
    const restored = restore(script, atMiddle);
    expect(bytesOf(restored)).toEqual(atMiddle);
    restored.apply(throughJson(after));
    sameBytes(told, 'a pool that was restored and repeated the rest', pool, restored);
    checkInvariants(restored.state, nothingSeen());
  });
});

test('a restarted pool goes on as the one that never stopped', { timeout: 600_000 }, () => {
  forEachScript(500, (script) => {
    const middle = Math.floor(script.steps.length / 2);
    const pools = [new Pool(script.options)];
    const events: Event[] = [];
    let restarted = false;
    tell(script, pools, (index, now, outcomes, told) => {
      const taken = pools.map((pool) => pool.takeEvents());
      if (!restarted) {
        events.push(...taken[0]);
        if (index < middle) return;
        restarted = true;
        const repeated = new Pool(script.options);
        repeated.apply(throughJson(events));
        pools.push(restore(script, bytesOf(pools[0])), repeated);
        // What only the living know (silence, the next check for those who wait) starts anew.
        for (const pool of pools) pool.resume(now);
        return;
      }
      for (let i = 1; i < pools.length; i++) {
        const who = i === 1 ? 'restored from a dump' : 'rebuilt from events';
        agree(told, `the answer of the pool ${who}`, outcomes[0], outcomes[i]);
        agree(told, `the events of the pool ${who}`, taken[0], taken[i]);
        checkInvariants(pools[i].state, nothingSeen());
      }
    });
    for (const pool of pools.slice(1)) expect(bytesOf(pool)).toEqual(bytesOf(pools[0]));
  });
});

/** Tells a script to all pools alike; `each` is called after every command. */
function tell(
  { options, agents, steps }: Script,
  pools: Pool[],
  each: (index: number, now: number, outcomes: Outcome[], told: string[]) => void,
): string[] {
  const told = [JSON.stringify(options)];
  const teller = new Teller();
  let now = START;
  const execute = (command: Command, index: number) => {
    told.push(`+${now - START} ${JSON.stringify(command)}`);
    const outcomes = pools.map((pool) => pool.execute(command, now));
    teller.hear(pools[0]);
    each(index, now, outcomes, told);
  };
  execute({ type: 'register', agents }, -1);
  steps.forEach(({ after, make }, index) => {
    now += after;
    execute(make(teller.known), index);
  });
  return told;
}

function bytesOf(pool: Pool): Uint8Array[] {
  return encodeDump(pool.dump()).map((chunk) => chunk.slice());
}

function restore(script: Script, bytes: Uint8Array[]): Pool {
  const pool = new Pool(script.options);
  pool.restore(decodeDump(bytes));
  return pool;
}

function throughJson(events: Event[]): Event[] {
  return decodeEvents(encodeEvents(events));
}
