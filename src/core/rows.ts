/** Helpers for tables of numbers whose rows lie together in memory. */

/** No row: the end of a linked list, or a place not taken. */
export const NONE = -1;

export type NumberArray = Int32Array | Uint32Array | Uint8Array | Float64Array | Float32Array;

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
