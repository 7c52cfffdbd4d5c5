/**
 * Looks through SQLite's write-ahead log before SQLite does.
 *
 * SQLite takes the log up to the first frame that fails its checksum and forgets the rest. After a
 * torn write that is right: the rest was never acknowledged. After damage in the middle it silently
 * drops acknowledged batches. The two differ in one thing: every commit is synced before the next
 * one begins, so a frame that was written *after* a commit proves that this commit was complete.
 * Damage is therefore a bad frame with a later commit whose successor is intact.
 *
 * A frame counts as intact when it carries the log's salts and its checksum follows from the one
 * stored in the frame before it; that works behind a bad frame, too. Frames of the log's earlier
 * rounds lie behind the end; SQLite draws new salts for each round, so they never count.
 *
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const WORD_BYTES = 4;
/** The lowest bit says in which byte order the checksums read the log. */
const MAGIC = 0x377f0682;
const FRAMES_PER_READ = 256;
const DEFAULT_PAGE_BYTES = 4096;

export interface WalScan {
  /** Frames up to the end of the last intact commit: those that SQLite will use. */
  readonly frames: number;
  /** An unfinished write at the end, never acknowledged, which SQLite drops. */
  readonly torn: { readonly offset: number; readonly frames: number } | null;
  /** Bytes that are not what was written, before the end of what was acknowledged. */
  readonly damage: { readonly offset: number; readonly what: string } | null;
  /** The log's header as it was read, to notice that a live writer began a new round. */
  readonly round: string;
}

const NOTHING: WalScan = { frames: 0, torn: null, damage: null, round: '' };

interface Sum {
  readonly a: number;
  readonly b: number;
}

/** SQLite's checksum over pairs of 32-bit words. `words` are in the log's own byte order. */
function addTo(sum: Sum, words: Uint32Array, from: number, to: number): Sum {
  let { a, b } = sum;
  for (let i = from; i < to; i += 2) {
    a = (a + words[i]! + b) | 0;
    b = (b + words[i + 1]! + a) | 0;
  }
  return { a, b };
}

const isSame = (one: Sum, other: Sum) => one.a === other.a && one.b === other.b;

/** A run of frames, or the header, with its words in the log's byte order. */
interface Block {
  readonly view: DataView;
  readonly words: Uint32Array;
}

function readBlock(handle: number, position: number, length: number, isBigEndian: boolean): Block {
  const bytes = Buffer.from(new ArrayBuffer(length));
  let filled = 0;
  while (filled < length) {
    const got = readSync(handle, bytes, filled, length - filled, position + filled);
    if (got === 0) break;
    filled += got;
  }
  const view = new DataView(bytes.buffer, 0, filled);
  const isNative = isBigEndian === (endianness() === 'BE');
  const ordered = isNative ? bytes : Buffer.from(bytes.buffer.slice(0)).swap32();
  return { view, words: new Uint32Array(ordered.buffer, 0, Math.floor(filled / WORD_BYTES)) };
}

interface Header {
  readonly isIntact: boolean;
  readonly isBigEndian: boolean;
  readonly pageBytes: number;
  readonly salts: readonly [number, number];
  readonly sum: Sum;
}

const isPageSize = (bytes: number) => bytes >= 512 && bytes <= 65536 && (bytes & (bytes - 1)) === 0;

function readHeader(handle: number): Header {
  const isBigEndian = (readBlock(handle, 0, 4, false).view.getUint32(0) & 1) === 1;
  const { view, words } = readBlock(handle, 0, HEADER_BYTES, isBigEndian);
  const stored: Sum = { a: view.getInt32(24), b: view.getInt32(28) };
  const isIntact =
    (view.getUint32(0) & ~1) >>> 0 === MAGIC &&
    isPageSize(view.getUint32(8)) &&
    isSame(addTo({ a: 0, b: 0 }, words, 0, 6), stored);
  return {
    isIntact,
    isBigEndian,
    pageBytes: isIntact ? view.getUint32(8) : DEFAULT_PAGE_BYTES,
    salts: [view.getUint32(16), view.getUint32(20)],
    sum: stored,
  };
}

/** Follows the frames; `take` gets each in turn. */
class Follower {
  /** Up to the last intact commit, and how many of this round lie behind it. */
  #committed = 0;
  #behind = 0;
  #damage: WalScan['damage'] = null;
  readonly #header: Header;
  #index = 0;
  /** The first that SQLite will not take; -1 for the header, null while there is none. */
  #badFrame: number | null;
  #salts: readonly [number, number];
  #previous: Sum;
  #previousCommits = false;
  /** What a bad frame's own bytes add up to: its checksum may be the only thing that is wrong. */
  #recomputed: Sum | null = null;

  constructor(header: Header) {
    this.#header = header;
    this.#salts = header.salts;
    this.#previous = header.sum;
    this.#badFrame = header.isIntact ? null : -1;
  }

  take(block: Block, at: number): void {
    const { view } = block;
    const salts = [view.getUint32(at + 8), view.getUint32(at + 12)] as const;
    const stored: Sum = { a: view.getInt32(at + 16), b: view.getInt32(at + 20) };
    const commits = view.getUint32(at + 4) !== 0;
    const isOfRound = this.#isOfRound(salts);
    const follows = (previous: Sum | null) =>
      isOfRound && previous !== null && isSame(this.#sumOf(block, at, previous), stored);

    if (isOfRound) this.#behind += 1;
    if (this.#badFrame === null) {
      if (!follows(this.#previous)) {
        this.#badFrame = this.#index;
        this.#recomputed = this.#sumOf(block, at, this.#previous);
      } else if (commits) {
        this.#committed = this.#index + 1;
        this.#behind = 0;
      }
    } else if (this.#damage === null) {
      // Under a bad header the whole log would be forgotten, so any commit in it is a loss.
      const isLoss = this.#badFrame < 0 ? commits : this.#previousCommits;
      if (isLoss && (follows(this.#previous) || follows(this.#recomputed))) this.#report();
      this.#recomputed = null;
    }
    // A damaged header's salts cannot be relied on; neighbouring frames still agree on theirs.
    if (this.#badFrame === -1) this.#salts = salts;
    this.#previous = stored;
    this.#previousCommits = commits;
    this.#index += 1;
  }

  /** The log's last bytes, less than a frame. */
  takePart({ view }: Block, at: number): void {
    const salts = [view.getUint32(at + 8), view.getUint32(at + 12)] as const;
    if (this.#isOfRound(salts)) this.#behind += 1;
  }

  #isOfRound(salts: readonly [number, number]): boolean {
    return salts[0] === this.#salts[0] && salts[1] === this.#salts[1];
  }

  /** Over a frame's first eight bytes and its page; the rest of its header is not covered. */
  #sumOf({ words }: Block, at: number, previous: Sum): Sum {
    const frame = at / WORD_BYTES;
    const page = frame + FRAME_HEADER_BYTES / WORD_BYTES;
    const head = addTo(previous, words, frame, frame + 2);
    return addTo(head, words, page, page + this.#header.pageBytes / WORD_BYTES);
  }

  #offsetOf(frame: number): number {
    return frame < 0 ? 0 : HEADER_BYTES + frame * (FRAME_HEADER_BYTES + this.#header.pageBytes);
  }

  #report(): void {
    const frame = this.#badFrame ?? 0;
    const part = frame < 0 ? 'its header' : `frame ${frame + 1}`;
    const offset = this.#offsetOf(frame);
    const what = `${part} (byte ${offset}) is not as written, and acknowledged batches follow it`;
    this.#damage = { offset, what };
  }

  result(): WalScan {
    const isTorn = this.#behind > 0 && this.#badFrame !== -1 && this.#damage === null;
    const offset = this.#offsetOf(this.#committed);
    return {
      frames: this.#committed,
      torn: isTorn ? { offset, frames: this.#behind } : null,
      damage: this.#damage,
      round: `${this.#header.salts}`,
    };
  }
}

/** Reads the log as it is now. Safe beside a live writer: no lock of SQLite's is on this file. */
export function scanWal(path: string): WalScan {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING;
    throw error;
  }
  try {
    const size = fstatSync(handle).size;
    if (size < HEADER_BYTES) return NOTHING;
    const header = readHeader(handle);
    const frameBytes = FRAME_HEADER_BYTES + header.pageBytes;
    const follower = new Follower(header);
    const blockBytes = FRAMES_PER_READ * frameBytes;
    for (let position = HEADER_BYTES; position < size; position += blockBytes) {
      const block = readBlock(handle, position, blockBytes, header.isBigEndian);
      const end = block.view.byteLength - frameBytes;
      let at = 0;
      for (; at <= end; at += frameBytes) follower.take(block, at);
      if (at + FRAME_HEADER_BYTES <= block.view.byteLength) follower.takePart(block, at);
    }
    return follower.result();
  } finally {
    closeSync(handle);
  }
}

const RESCANS = 10;
const RESCAN_AFTER_MS = 20;

/**
 * Beside a live writer a frame may be read while it is written, and a new round may begin. Damage
 * therefore only counts when it shows twice in the same place of the same round.
 */
export function scanLiveWal(path: string): WalScan {
  const pause = new Int32Array(new SharedArrayBuffer(WORD_BYTES));
  let scan = scanWal(path);
  for (let attempt = 0; scan.damage && attempt < RESCANS; attempt++) {
    Atomics.wait(pause, 0, 0, RESCAN_AFTER_MS);
    const again = scanWal(path);
    if (again.round === scan.round && again.damage?.offset === scan.damage.offset) return again;
    scan = again;
  }
  return { ...scan, damage: null };
}
