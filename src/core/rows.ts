/** Helpers for tables of numbers whose rows lie together in memory. */

/** No row: the end of a linked list, or a place not taken. */
export const NONE = -1;

export type NumberArray = Int32Array | Uint32Array | Uint8Array | Float64Array;

/** A table taken apart into named columns: what snapshots hold, whatever the rows look like. */
export type Columns = Record<string, NumberArray>;

/** A longer copy; the new part is filled with `fill`. */
export function grown<T extends NumberArray>(old: T, length: number, fill = 0): T {
  const Constructor = old.constructor as new (length: number) => T;
  const fresh = new Constructor(length);
  if (fill !== 0) fresh.fill(fill, old.length);
  fresh.set(old);
  return fresh;
}

/** One field of every row: `stride` words a row, the field `offset` words into it. */
export function wordColumn(
  table: Int32Array,
  rows: number,
  stride: number,
  offset: number,
): Int32Array {
  const column = new Int32Array(rows);
  for (let row = 0, at = offset; row < rows; row++, at += stride) column[row] = table[at];
  return column;
}

export function doubleColumn(
  table: Float64Array,
  rows: number,
  stride: number,
  offset: number,
): Float64Array {
  const column = new Float64Array(rows);
  for (let row = 0, at = offset; row < rows; row++, at += stride) column[row] = table[at];
  return column;
}

/**
 * Bytes before the first row. The C library puts 16 bytes of its own before a large block, so rows
 * that began at the block's start would straddle cache lines, and each would cost two waits for
 * memory instead of one. Where it does otherwise, nothing breaks; it is only slower.
 */
const LEAD = 48;

/** Room for rows whose words and doubles lie together; see `doublesOf`. */
export function allocateRows(words: number): Int32Array {
  return new Int32Array(new ArrayBuffer(LEAD + words * 4), LEAD, words);
}

/** More room, with the old rows in it. */
export function grownRows(old: Int32Array, words: number): Int32Array {
  const fresh = allocateRows(words);
  fresh.set(old);
  return fresh;
}

/** The same rows seen as doubles. */
export function doublesOf(rows: Int32Array): Float64Array {
  return new Float64Array(rows.buffer, rows.byteOffset, rows.length / 2);
}
