/** One pool that runs on, beside others that are rebuilt from what it recorded. */
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { Pool } from '../../src/core/pool.ts';
import { decodeDump, decodeEvents, encodeDump, encodeEvents } from '../../src/host/codec.ts';
import { firstDifference } from './differences.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { Ids, type Script, START } from './scripts.ts';

/** All events on a fresh pool; and a dump from the middle with the events that came later. */
export function checkReplay(script: Script): void {
  const original = new Pool(script.options);
  const middle = Math.floor(script.steps.length / 2);
  const before: Event[] = [];
  const after: Event[] = [];
  let dump: Uint8Array[] | null = null;
  const story = play(script, [original], ({ index, events }) => {
    (index < middle ? before : after).push(...events[0]);
    if (index === middle - 1) dump = bytesOf(original);
  });

  const repeated = repeat(script, [...before, ...after]);
  story.sameBytes('the pool that repeated all events', original, repeated);
  checkInvariants(repeated.state, nothingSeen());

  const restored = dump === null ? new Pool(script.options) : restore(script, dump);
  restored.apply(throughJson(dump === null ? [...before, ...after] : after));
  story.sameBytes('the pool that was restored and repeated the rest', original, restored);
  checkInvariants(restored.state, nothingSeen());
}

/**
 * In the middle two pools are rebuilt, one from a dump and one from events, and all three go on.
 * What only the living know (when an agent was last heard, when those who wait are looked at next)
 * starts anew for all of them. Time goes from deadline to deadline, as hosts let it.
 */
export function checkRestart(random: Script): void {
  // Under pressure the moments at which idle leases are looked at may differ by half a minute.
  const script = { ...random, options: { ...random.options, idlePolicy: 'fixed' as const } };
  const middle = Math.floor(script.steps.length / 2);
  const original = new Pool(script.options);
  const pools = [original];
  const recorded: Event[] = [];
  const rebuilt = ['the original', 'the restored pool', 'the pool that repeated the events'];
  const end = play(script, pools, ({ index, now, outcomes, events, story }) => {
    for (let i = 1; i < pools.length; i++) {
      story.same(
        `the answer of ${rebuilt[i]}`,
        withoutSignals(outcomes[0]),
        withoutSignals(outcomes[i]),
      );
      story.same(`what happened to ${rebuilt[i]}`, events[0], events[i]);
      checkInvariants(pools[i].state, nothingSeen());
    }
    recorded.push(...events[0]);
    if (index !== middle || pools.length > 1) return;
    pools.push(restore(script, bytesOf(original)), repeat(script, recorded));
    for (const pool of pools) pool.resume(now);
  });
  // Guesses of waiting times, which kept answers repeat, come from what was seen to end lately.
  pools.forEach((pool, i) => {
    end.same(`the state of ${rebuilt[i]}`, readable(original), readable(pool));
  });
}

interface Told {
  /** The step of the script; -1 before the first. */
  readonly index: number;
  readonly now: number;
  readonly outcomes: readonly Outcome[];
  readonly events: readonly (readonly Event[])[];
  readonly story: Story;
}

/** Days of looking once a second at those who wait would teach nothing more. */
const MOST_TICKS = 20;

/** Plays a script to all pools alike. */
function play(script: Script, pools: Pool[], hear: (told: Told) => void): Story {
  const story = new Story(script);
  const ids = new Ids();
  let now = START;
  const execute = (command: Command, index: number): void => {
    story.lines.push(`+${now - START} ${JSON.stringify(command)}`);
    const outcomes = pools.map((pool) => pool.execute(command, now));
    const events = pools.map((pool) => pool.takeEvents());
    ids.note(events[0]);
    hear({ index, now, outcomes, events, story });
  };
  execute({ type: 'register', agents: script.agents }, -1);
  script.steps.forEach(({ after, make }, index) => {
    const until = now + after;
    for (let n = 0; script.ticking && n < MOST_TICKS; n++) {
      const next = Math.min(...pools.map((pool) => pool.nextDeadline()));
      if (next > until) break;
      now = Math.max(now, next);
      execute({ type: 'tick' }, index);
    }
    now = until;
    execute(make(ids), index);
  });
  return story;
}

/** What was told so far, for the report of a difference. */
class Story {
  readonly lines: string[];

  constructor(script: Script) {
    this.lines = [JSON.stringify(script.options)];
  }

  same(what: string, expected: unknown, actual: unknown): void {
    const difference = firstDifference(expected, actual);
    if (difference !== null) this.#fail(`${what} differs at ${difference}`);
  }

  sameBytes(who: string, expected: Pool, actual: Pool): void {
    const [a, b] = [bytesOf(expected), bytesOf(actual)];
    if (a.length === b.length && a.every((chunk, i) => Buffer.compare(chunk, b[i]) === 0)) return;
    this.same(`the state of ${who}`, readable(expected), readable(actual));
    this.#fail(`the bytes of ${who} differ`);
  }

  #fail(why: string): never {
    throw new Error(`${this.lines.join('\n')}\n${why}`);
  }
}

/** The load that an agent last reported is not kept. */
function withoutSignals(outcome: Outcome): Outcome {
  return outcome.outcome === 'agent'
    ? { ...outcome, agent: { ...outcome.agent, load: 0 } }
    : outcome;
}

/** A dump as plain lists, to compare and to print. */
function readable(pool: Pool): unknown {
  const { columns, ...rest } = decodeDump(bytesOf(pool));
  const lists = Object.entries(columns).map(([table, each]) => [
    table,
    Object.fromEntries(Object.entries(each).map(([name, column]) => [name, [...column]])),
  ]);
  return { ...rest, columns: Object.fromEntries(lists) };
}

/** A copy: a dump looks into the living tables. */
function bytesOf(pool: Pool): Uint8Array[] {
  return encodeDump(pool.dump()).map((chunk) => chunk.slice());
}

function restore(script: Script, bytes: Uint8Array[]): Pool {
  const pool = new Pool(script.options);
  pool.restore(decodeDump(bytes));
  return pool;
}

function repeat(script: Script, events: readonly Event[]): Pool {
  const pool = new Pool(script.options);
  pool.apply(throughJson(events));
  return pool;
}

function throughJson(events: readonly Event[]): Event[] {
  return decodeEvents(encodeEvents(events));
}
