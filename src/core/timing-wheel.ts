/**
 * Deadlines for the rows of a table: a hierarchical timing wheel (Varghese & Lauck, SOSP 1987),
 * seven levels of 32 slots, one bit a slot. Setting and firing cost O(1) each.
 *
 * Postponing costs nothing. A row may be armed earlier than its deadline: when it fires, the
 * owner looks at the true deadline and arms it again. Leases are renewed and released far more
 * often than they time out, so most deadlines never touch the wheel a second time.
 */
import { allocateRows, doublesOf, grownRows, NONE } from './rows.ts';

const TICK_MS = 64;
const SLOTS = 32;
const LEVELS = 7;

const WORDS = 8;
const DOUBLES = WORDS / 2;
// Words of a row, after the double.
const NEXT = 2;
const PREVIOUS = 3;
/** Where it is linked in, plus one; 0 = not armed. */
const SLOT = 4;

export class TimingWheel {
  /** A row is half a cache line: a double, when it fires in ms since 1970, and three words. */
  #capacity = 64;
  #i32 = allocateRows(this.#capacity * WORDS);
  #f64 = doublesOf(this.#i32);
  readonly #heads = new Int32Array(LEVELS * SLOTS).fill(NONE);
  readonly #occupied = new Int32Array(LEVELS);
  /** All ticks before this one have been emptied. */
  #tick = 0;
  #armed = 0;
  #nextAt = Number.POSITIVE_INFINITY;

  get armed(): number {
    return this.#armed;
  }

  /** Reads rows, so that they are loaded. */
  touch(rows: Int32Array, count: number): number {
    const i32 = this.#i32;
    let read = 0;
    for (let i = 0; i < count; i++) read ^= i32[rows[i] * WORDS];
    return read;
  }

  /** When the row will fire, or Infinity. */
  armedAt(row: number): number {
    return row < this.#capacity && this.#i32[row * WORDS + SLOT] !== 0
      ? this.#f64[row * DOUBLES]
      : Number.POSITIVE_INFINITY;
  }

  /** Fire no later than `at`: an earlier arming stays, since its firing looks at the deadline. */
  arm(row: number, at: number): void {
    if (row >= this.#capacity) this.#grow(row + 1);
    if (this.#i32[row * WORDS + SLOT] !== 0) {
      if (this.#f64[row * DOUBLES] <= at) return;
      this.disarm(row);
    }
    this.#f64[row * DOUBLES] = at;
    this.#armed++;
    if (at < this.#nextAt) this.#nextAt = at;
    this.#insert(row);
  }

  disarm(row: number): void {
    if (row >= this.#capacity || this.#i32[row * WORDS + SLOT] === 0) return;
    this.#unlink(row);
    this.#armed--;
  }

  /** No row fires before this time; Infinity when none is armed. Often exact, never late. */
  get nextAt(): number {
    return this.#nextAt;
  }

  /**
   * Takes out every row due at or before `now` and calls `fire`, which may arm that row again. A row
   * whose coarse slot begins is taken out too, before it is due: its owner drops it or arms it
   * again. Most have been released or renewed by then, so they never descend through the levels.
   */
  advance(now: number, fire: (row: number) => void): void {
    if (now < this.#nextAt) return;
    const target = Math.floor(now / TICK_MS);
    this.#nextAt = Number.POSITIVE_INFINITY;
    while (this.#armed > 0) {
      this.#open(now, fire);
      const slot = this.#tick % SLOTS;
      if (this.#occupied[0] & (1 << slot)) this.#fireSlot(slot, now, fire);
      if (this.#tick >= target) break;
      this.#tick = Math.min(target, this.#nextBusyTick());
    }
    if (target > this.#tick) this.#tick = target;
    this.#nextAt = Math.min(this.#nextAt, this.#earliest());
  }

  #earliest(): number {
    let earliest = Number.POSITIVE_INFINITY;
    let span = 1;
    for (let level = 0; level < LEVELS; level++) {
      const mask = this.#occupied[level];
      if (mask !== 0) {
        const position = Math.floor(this.#tick / span);
        const current = position % SLOTS;
        const ahead = mask & (1 << current) ? 0 : distance(mask, current);
        if (level === 0) {
          const slot = (current + ahead) % SLOTS;
          for (let row = this.#heads[slot]; row !== NONE; row = this.#i32[row * WORDS + NEXT]) {
            earliest = Math.min(earliest, this.#f64[row * DOUBLES]);
          }
        } else {
          earliest = Math.min(earliest, (position + ahead) * span * TICK_MS);
        }
      }
      span *= SLOTS;
    }
    return earliest;
  }

  #fireSlot(slot: number, now: number, fire: (row: number) => void): void {
    // Rows of the current tick that are not due yet wait in place; the others leave before any
    // of them fires, so that `fire` can arm rows into this very slot.
    const due: number[] = [];
    for (let row = this.#heads[slot]; row !== NONE; row = this.#i32[row * WORDS + NEXT]) {
      if (this.#f64[row * DOUBLES] <= now) due.push(row);
    }
    for (const row of due) this.disarm(row);
    due.sort((a, b) => this.#f64[a * DOUBLES] - this.#f64[b * DOUBLES] || a - b);
    for (const row of due) fire(row);
  }

  /** The next tick after this one at which a slot of any level begins that is not empty. */
  #nextBusyTick(): number {
    let next = Number.POSITIVE_INFINITY;
    let span = 1;
    for (let level = 0; level < LEVELS; level++) {
      const mask = this.#occupied[level];
      if (mask !== 0) {
        const position = Math.floor(this.#tick / span);
        const current = position % SLOTS;
        const ahead = distance(mask, current);
        next = Math.min(next, (position + ahead) * span);
      }
      span *= SLOTS;
    }
    return Math.max(next, this.#tick + 1);
  }

  /** Empties each coarser level's current slot: what is due goes down, the rest is looked at. */
  #open(now: number, look: (row: number) => void): void {
    let span = SLOTS ** (LEVELS - 1);
    for (let level = LEVELS - 1; level > 0; level--) {
      const slot = Math.floor(this.#tick / span) % SLOTS;
      if (this.#occupied[level] & (1 << slot)) {
        let row = this.#heads[level * SLOTS + slot];
        while (row !== NONE) {
          const next = this.#i32[row * WORDS + NEXT];
          this.#unlink(row);
          if (this.#f64[row * DOUBLES] <= now) this.#insert(row);
          else {
            this.#armed--;
            look(row);
          }
          row = next;
        }
      }
      span /= SLOTS;
    }
  }

  #insert(row: number): void {
    const tick = Math.max(Math.floor(this.#f64[row * DOUBLES] / TICK_MS), this.#tick);
    let level = 0;
    let span = 1;
    // The level whose current round still reaches the tick: a row never shares a slot with one
    // that is a whole round earlier.
    while (level < LEVELS - 1 && Math.floor(tick / span) - Math.floor(this.#tick / span) >= SLOTS) {
      level++;
      span *= SLOTS;
    }
    const position = Math.min(Math.floor(tick / span), Math.floor(this.#tick / span) + SLOTS - 1);
    const slot = level * SLOTS + (position % SLOTS);
    const head = this.#heads[slot];
    this.#heads[slot] = row;
    this.#i32[row * WORDS + NEXT] = head;
    this.#i32[row * WORDS + PREVIOUS] = NONE;
    if (head !== NONE) this.#i32[head * WORDS + PREVIOUS] = row;
    this.#i32[row * WORDS + SLOT] = slot + 1;
    this.#occupied[level] |= 1 << (slot % SLOTS);
  }

  #unlink(row: number): void {
    const slot = this.#i32[row * WORDS + SLOT] - 1;
    const next = this.#i32[row * WORDS + NEXT];
    const previous = this.#i32[row * WORDS + PREVIOUS];
    if (previous === NONE) {
      this.#heads[slot] = next;
      if (next === NONE) this.#occupied[Math.floor(slot / SLOTS)] &= ~(1 << (slot % SLOTS));
    } else {
      this.#i32[previous * WORDS + NEXT] = next;
    }
    if (next !== NONE) this.#i32[next * WORDS + PREVIOUS] = previous;
    this.#i32[row * WORDS + SLOT] = 0;
  }

  #grow(least: number): void {
    let capacity = this.#capacity;
    while (capacity < least) capacity *= 2;
    this.#capacity = capacity;
    this.#i32 = grownRows(this.#i32, capacity * WORDS);
    this.#f64 = doublesOf(this.#i32);
  }
}

/** How many slots after `current` (1 … 32) the next bit of a ring of 32 is set. */
function distance(mask: number, current: number): number {
  const shift = (current + 1) & 31;
  const turned = shift === 0 ? mask : (mask >>> shift) | (mask << (32 - shift));
  return 32 - Math.clz32(turned & -turned);
}
