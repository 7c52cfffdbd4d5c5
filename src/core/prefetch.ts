/**
 * Rows are reached at random, and a row that is in no cache takes as long to come as some hundreds
 * of instructions take to run. The processor loads many rows at once, though, if it is asked for
 * the next before the last has come. So before a frame of commands is carried out, one word of each
 * line of memory that they will probably need is read, in passes: each pass reads for all commands
 * what the pass before has found the address of. The loops are short on purpose: the processor
 * looks only a few hundred instructions ahead. A wrong guess costs time, never a wrong decision.
 *
 * (Group prefetching: Chen, Ailamaki, Gibbons and Mowry, ICDE 2004, there for hash joins.)
 */
import type { Command } from './command.ts';
import type { Event } from './event.ts';
import { parseLeaseRow } from './ids.ts';
import { hashOf } from './names.ts';
import type { Requirement } from './profiles.ts';
import { NONE } from './rows.ts';
import type { PoolState } from './state.ts';

/** Commands whose rows are loaded together: enough to overlap, few enough to stay in the cache. */
export const FRAME = 64;

export class Prefetch {
  readonly #state: PoolState;
  /** The tenants who want a lease, in the order of the commands, and the hashes of their names. */
  readonly #names: string[] = [];
  readonly #hashes = new Int32Array(FRAME);
  /** How many of them have been announced. */
  #announced = 0;
  /** Rows that commands name, and those that grants will reuse. */
  readonly #leases = new Int32Array(2 * FRAME);
  readonly #tenants = new Int32Array(FRAME);
  readonly #agents = new Int32Array(FRAME);
  /** What has been read: kept, so that the reading is not optimized away. */
  #read = 0;

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** Loads what the commands will need; at most FRAME of them. */
  load(commands: readonly Command[]): void {
    let grants = 0;
    let changes = 0;
    let requirement: Requirement | null = null;
    for (let i = 0; i < commands.length; i++) {
      const command = commands[i];
      if (command.type === 'lease') {
        this.#names[grants] = command.tenant;
        this.#hashes[grants++] = hashOf(command.tenant);
        requirement ??= this.#state.profiles.requirement(command);
      } else if (command.type === 'release' || command.type === 'report') {
        changes = this.#noteLease(command.lease, changes);
      }
    }
    this.#names.length = grants;
    this.#announced = 0;
    this.#load(grants, changes);
    if (requirement === null) return;
    const { agents, ready } = this.#state;
    this.#read ^= agents.touch(this.#agents, ready.next(requirement, this.#agents, grants));
  }

  /** Loads what repeating events will need; at most FRAME of them. */
  loadFor(events: readonly Event[]): void {
    let grants = 0;
    let changes = 0;
    for (let i = 0; i < events.length; i++) {
      const event = events[i];
      if (event.type === 'lease_granted') this.#hashes[grants++] = hashOf(event.tenant);
      else if (event.type === 'lease_ended' || event.type === 'lease_reported') {
        changes = this.#noteLease(event.lease, changes);
      }
    }
    this.#load(grants, changes);
  }

  #noteLease(id: string, changes: number): number {
    const row = parseLeaseRow(id);
    if (row === NONE || row >= this.#state.leases.end) return changes;
    this.#leases[changes] = row;
    return changes + 1;
  }

  #load(grants: number, changes: number): void {
    const { agents, tenants, leases, leaseDeadlines } = this.#state;
    let rows = changes;
    for (let ahead = 0; ahead < grants; ahead++) {
      const row = leases.reusedRow(ahead);
      if (row !== NONE) this.#leases[rows++] = row;
    }
    let read = tenants.names.touchSlots(this.#hashes, grants);
    read ^= leases.touch(this.#leases, rows) ^ leaseDeadlines.touch(this.#leases, rows);

    const known = tenants.names.guess(this.#hashes, grants, this.#tenants);
    read ^= tenants.touch(this.#tenants, known) ^ tenants.names.touch(this.#tenants, known);
    const warm = tenants.warmest(this.#tenants, known, this.#agents);
    read ^= agents.touch(this.#agents, warm);
    leases.partners(this.#leases, changes, this.#tenants, this.#agents);
    read ^= tenants.touch(this.#tenants, changes) ^ agents.touch(this.#agents, changes);
    this.#read ^= read;
  }

  /** A command is about to be carried out: spares hashing the tenant's name a second time. */
  announce(command: Command): void {
    if (command.type !== 'lease') return;
    const at = this.#announced;
    if (at >= this.#names.length || this.#names[at] !== command.tenant) return;
    this.#state.tenants.names.remember(command.tenant, this.#hashes[at]);
    this.#announced++;
  }
}
