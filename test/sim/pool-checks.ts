/**
 * Looks at every pool of the world after every command. The events of the command are checked one
 * by one (ledger.ts), and its sums; every so often everything is counted again
 * (test/property/invariants.ts). A pool that has just been rebuilt must equal the journal.
 */
import type { Command } from '../../src/core/command.ts';
import type { Event } from '../../src/core/event.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { Pool } from '../../src/core/pool.ts';
import { checkInvariants, nothingSeen, type Seen } from '../property/invariants.ts';
import { Ledger } from './ledger.ts';
import type { Violations } from './violation.ts';

/** Commands from one walk over everything to the next. */
const WALK_EVERY = 64;

interface Watched {
  readonly ledger: Ledger;
  readonly seen: Seen;
  /** Recorded, and not yet taken by the host. */
  events: Event[];
  commands: number;
}

export class PoolChecks {
  readonly #violations: Violations;
  readonly #watched = new WeakMap<Pool, Watched>();
  readonly #onRebuilt: (pool: Pool) => void;
  /** Commands that any pool has carried out. */
  commands = 0;
  walks = 0;

  constructor(violations: Violations, onRebuilt: (pool: Pool) => void) {
    this.#violations = violations;
    this.#onRebuilt = onRebuilt;
  }

  /** Watches all pools from now on. Returns what ends that. */
  watch(): () => void {
    const { prototype } = Pool;
    const { execute, takeEvents, resume } = prototype;
    const checks = this;
    prototype.execute = function (this: Pool, command: Command, now: number) {
      const watched = checks.#of(this);
      let outcome: Outcome;
      try {
        outcome = execute.call(this, command, now) as Outcome;
      } catch (error) {
        checks.#violations.add('the core never throws', `${command.type}: ${stackOf(error)}`);
        throw error;
      }
      const events = takeEvents.call(this);
      for (const event of events) watched.events.push(event);
      checks.#fence(command, outcome);
      checks.#after(this, watched, command, events, now);
      return outcome;
    } as typeof execute;
    prototype.takeEvents = function (this: Pool) {
      const watched = checks.#of(this);
      const { events } = watched;
      watched.events = [];
      return events;
    };
    prototype.resume = function (this: Pool, now: number) {
      checks.#onRebuilt(this);
      checks.walk(this);
      resume.call(this, now);
    };
    return () => Object.assign(prototype, { execute, takeEvents, resume });
  }

  /** Counts everything again. */
  walk(pool: Pool): void {
    const { seen } = this.#of(pool);
    this.walks++;
    try {
      checkInvariants(pool.state, seen);
    } catch (error) {
      this.#violations.add(
        `walk: ${(error as Error).message.replace(/\S*\d\S*/g, '…')}`,
        stackOf(error),
      );
    }
  }

  /** Whoever names a token has the present one, or is refused. */
  #fence(command: Command, outcome: Outcome): void {
    if (outcome.outcome !== 'lease' || !('token' in command)) return;
    // A lease that is rejected has gone on under a newer one.
    if (command.token === undefined || command.type === 'reject_lease') return;
    const { token } = outcome.lease;
    this.#violations.check(
      token === command.token,
      'an old token changes nothing',
      () => `${JSON.stringify(command)}, the lease has ${token}`,
    );
  }

  #after(
    pool: Pool,
    watched: Watched,
    { type }: Command,
    events: readonly Event[],
    now: number,
  ): void {
    this.commands++;
    const { ledger } = watched;
    for (const event of events) ledger.follow(event);
    ledger.compare(pool);
    const next = pool.nextDeadline();
    const at = Math.max(now, pool.state.now);
    this.#violations.check(next > at, 'what is due has happened', () => `${type}: ${next} ≤ ${at}`);
    if (++watched.commands % WALK_EVERY === 0) this.walk(pool);
  }

  #of(pool: Pool): Watched {
    let watched = this.#watched.get(pool);
    if (watched === undefined) {
      const ledger = new Ledger(pool.state.options, this.#violations);
      ledger.load(pool);
      watched = { ledger, seen: nothingSeen(), events: [], commands: 0 };
      this.#watched.set(pool, watched);
    }
    return watched;
  }
}

/** Where two pools differ, byte for byte; null where they are the same. */
export function difference(a: Pool, b: Pool): string | null {
  const [first, second] = [parts(a), parts(b)];
  for (const name of new Set([...first.keys(), ...second.keys()])) {
    const [one, other] = [first.get(name) ?? EMPTY, second.get(name) ?? EMPTY];
    if (Buffer.compare(one, other) === 0) continue;
    let at = 0;
    while (at < one.length && one[at] === other[at]) at++;
    const near = (bytes: Uint8Array) => Buffer.from(bytes.slice(Math.max(0, at - 60), at + 60));
    return `${name}: …${near(one)}… ≠ …${near(other)}…`;
  }
  return null;
}

/** What a snapshot has, written faster than snapshots are (src/host/codec.ts). */
function parts(pool: Pool): Map<string, Uint8Array> {
  const { columns, names, data } = pool.dump();
  const all = new Map<string, Uint8Array>();
  for (const [table, each] of Object.entries(columns)) {
    for (const [name, { buffer, byteOffset, byteLength }] of Object.entries(each)) {
      all.set(`${table}.${name}`, new Uint8Array(buffer, byteOffset, byteLength));
    }
  }
  all.set('names', Buffer.from(JSON.stringify(names)));
  all.set('data', Buffer.from(JSON.stringify(data)));
  return all;
}

const EMPTY = new Uint8Array();

function stackOf(error: unknown): string {
  return (error as Error).stack ?? String(error);
}
