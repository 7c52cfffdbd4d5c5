/**
 * A journal on a disk that fails as real ones do, by a seed or by a script. The same seed and the
 * same calls give the same faults. With all of them off it is a MemoryJournal.
 */
import { MemoryDisk, MemoryJournal } from '../adapters/journals/memory.ts';
import {
  type Batch,
  type Clock,
  type Journal,
  JournalError,
  type Snapshot,
} from '../host/ports.ts';
import { mulberry32 } from './mulberry32.ts';

/** What an append can meet. */
export type AppendFault =
  /** Throws `io`; nothing was kept. */
  | 'fail'
  /** Throws `io`, but the batch was kept: only its acknowledgement was lost. */
  | 'lose_reply'
  /** Throws `full`, and so does every append until the disk is freed. */
  | 'fill';

/** Chances from 0 to 1, each for one call. */
export interface FaultRates {
  readonly fail: number;
  readonly loseReply: number;
  readonly fill: number;
  /** A snapshot cannot be saved. */
  readonly failSnapshot: number;
  /** A snapshot is saved, and its bytes change afterwards. */
  readonly rotSnapshot: number;
  /** At a crash: the oldest append under way was written whole, though nobody was told. */
  readonly keepUnderWay: number;
}

const NO_FAULTS: FaultRates = {
  fail: 0,
  loseReply: 0,
  fill: 0,
  failSnapshot: 0,
  rotSnapshot: 0,
  keepUnderWay: 0.5,
};

export interface FaultyDiskOptions {
  readonly seed?: number;
  readonly rates?: Partial<FaultRates>;
  /** With a clock, an append takes up to this many of its milliseconds. */
  readonly clock?: Clock;
  readonly maxDelayMs?: number;
  readonly retainBytes?: number;
}

interface UnderWay {
  readonly batch: Batch;
  readonly journal: MemoryJournal;
  readonly fault: AppendFault | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const failed = (what: string) =>
  new JournalError('io', `The simulated disk failed: ${what}. Try again.`);
const full = () =>
  new JournalError('full', 'The simulated disk is full; nothing of this write was kept. Free it.');

/** What outlives a crash, and what goes wrong with it. */
export class FaultyDisk {
  readonly memory: MemoryDisk;
  /** Counts the crashes: a journal from before one belongs to a dead process. */
  life = 0;
  isFull = false;
  readonly #random: () => number;
  readonly #clock: Clock | undefined;
  readonly #maxDelayMs: number;
  readonly #underWay: UnderWay[] = [];
  #script: (AppendFault | null)[] = [];
  #rates: FaultRates;
  #busyUntil = 0;

  constructor(options: FaultyDiskOptions = {}) {
    this.memory = new MemoryDisk(options);
    this.#random = mulberry32(options.seed ?? 0);
    this.#rates = { ...NO_FAULTS, ...options.rates };
    this.#clock = options.clock;
    this.#maxDelayMs = options.maxDelayMs ?? 0;
  }

  /** What the next appends meet, one each, before chance counts again; null is no fault. */
  script(...faults: readonly (AppendFault | null)[]): void {
    this.#script.push(...faults);
  }

  free(): void {
    this.isFull = false;
  }

  /** Ends all faults, so that what they have left behind can be looked at. */
  calm(): void {
    this.#rates = NO_FAULTS;
    this.#script = [];
    this.free();
  }

  /**
   * The process dies. An append under way was written whole or not at all, and no later one without
   * the earlier; no call of a journal from before ever returns.
   */
  crash(): void {
    for (const { batch, journal, fault } of this.#underWay.splice(0)) {
      const isKept = fault !== 'fail' && fault !== 'fill' && !this.isFull;
      if (!isKept || !this.chance('keepUnderWay')) break;
      journal.append(batch).catch(() => undefined);
      if (this.memory.lastEvent !== batch.first + batch.count - 1) break;
    }
    this.memory.holder = null;
    this.life += 1;
    this.#busyUntil = 0;
  }

  chance(rate: keyof FaultRates): boolean {
    // Without a rate nothing is drawn, so that adding a kind of fault keeps old seeds meaningful.
    return this.#rates[rate] > 0 && this.#random() < this.#rates[rate];
  }

  append(journal: MemoryJournal, batch: Batch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#underWay.push({ journal, batch, fault: this.#draw(), resolve, reject });
      if (!this.#clock || this.#maxDelayMs === 0) {
        this.#carryOut();
        return;
      }
      // One disk, one write after another.
      const begin = Math.max(this.#clock.now(), this.#busyUntil);
      this.#busyUntil = begin + Math.ceil(this.#random() * this.#maxDelayMs);
      const { life } = this;
      this.#clock.wakeAt(this.#busyUntil, () => {
        if (this.life === life) this.#carryOut();
      });
    });
  }

  #draw(): AppendFault | null {
    const scripted = this.#script.shift();
    if (scripted !== undefined) return scripted;
    if (this.chance('fail')) return 'fail';
    if (this.chance('loseReply')) return 'lose_reply';
    return this.chance('fill') ? 'fill' : null;
  }

  #carryOut(): void {
    const next = this.#underWay.shift();
    if (!next) return;
    const { journal, batch, fault, resolve, reject } = next;
    if (fault === 'fill') this.isFull = true;
    if (this.isFull) reject(full());
    else if (fault === 'fail') reject(failed('nothing was kept'));
    else {
      const done = fault === 'lose_reply' ? () => reject(failed('the reply was lost')) : resolve;
      journal.append(batch).then(done, reject);
    }
  }
}

/** Changes a stored byte of a snapshot, so that its checksum no longer fits. */
function rot(disk: MemoryDisk, lastEvent: number): void {
  const stored = disk.snapshots.find(({ snapshot }) => snapshot.lastEvent === lastEvent);
  const chunk = stored?.snapshot.chunks.find(({ length }) => length > 0);
  if (chunk) chunk[0]! ^= 1;
}

export class FaultyJournal implements Journal {
  readonly name = 'faulty:';
  readonly #disk: FaultyDisk;
  readonly #inner: MemoryJournal;
  readonly #life: number;

  constructor(disk: FaultyDisk) {
    this.#disk = disk;
    this.#inner = new MemoryJournal(disk.memory);
    this.#life = disk.life;
  }

  open(): Promise<{ epoch: number; lastEvent: number }> {
    return this.#alive(async () => {
      if (this.#disk.isFull) throw full();
      return this.#inner.open();
    });
  }

  append(batch: Batch): Promise<void> {
    return this.#alive(() => this.#disk.append(this.#inner, batch));
  }

  probe(): Promise<void> {
    return this.#alive(async () => {
      await this.#inner.probe();
      if (this.#disk.isFull) throw full();
    });
  }

  lastEvent(): Promise<number> {
    return this.#alive(() => this.#inner.lastEvent());
  }

  async *read(from: number): AsyncGenerator<Batch> {
    const batches = this.#inner.read(from);
    for (;;) {
      const next = await this.#alive(() => batches.next());
      if (next.done) return;
      yield next.value;
    }
  }

  loadSnapshot(): Promise<Snapshot | null> {
    return this.#alive(() => this.#inner.loadSnapshot());
  }

  saveSnapshot(snapshot: Snapshot): Promise<void> {
    return this.#alive(async () => {
      if (this.#disk.isFull) throw full();
      if (this.#disk.chance('failSnapshot')) throw failed('the snapshot was not kept');
      await this.#inner.saveSnapshot(snapshot);
      if (this.#disk.chance('rotSnapshot')) rot(this.#disk.memory, snapshot.lastEvent);
    });
  }

  close(): Promise<void> {
    return this.#alive(() => this.#inner.close());
  }

  /** The result, unless the process has died in the meantime: then there is nobody to get it. */
  #alive<T>(call: () => Promise<T>): Promise<T> {
    if (this.#disk.life !== this.#life) return new Promise(() => undefined);
    const forSurvivors = <V>(settle: (value: V) => void) => {
      return (value: V) => {
        if (this.#disk.life === this.#life) settle(value);
      };
    };
    return new Promise((resolve, reject) => {
      call().then(forSurvivors(resolve), forSurvivors(reject));
    });
  }
}
