/** The order of many times: buckets of equal width, then each bucket by insertion. Stable. */

const TIMES_A_BUCKET = 4;
const MOST_BUCKETS = 1 << 22;

/** The indices of `times[0 … count - 1]` in ascending order of time; equal times by index. */
export function orderOf(times: Float64Array, count: number): Int32Array {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < count; index++) {
    first = Math.min(first, times[index]!);
    last = Math.max(last, times[index]!);
  }
  const order = new Int32Array(count);
  if (count === 0) return order;
  const buckets = Math.min(MOST_BUCKETS, Math.ceil(count / TIMES_A_BUCKET));
  const perMs = (buckets - 1) / Math.max(1, last - first);
  const bucketOf = (index: number): number => Math.floor((times[index]! - first) * perMs);
  const ends = new Int32Array(buckets);
  for (let index = 0; index < count; index++) ends[bucketOf(index)]! += 1;
  for (let bucket = 1; bucket < buckets; bucket++) ends[bucket]! += ends[bucket - 1]!;
  const starts = ends.slice();
  for (let index = count - 1; index >= 0; index--) {
    const bucket = bucketOf(index);
    starts[bucket]! -= 1;
    order[starts[bucket]!] = index;
  }
  for (let bucket = 0; bucket < buckets; bucket++) {
    insertionSort(order, times, starts[bucket]!, ends[bucket]!);
  }
  return order;
}

function insertionSort(order: Int32Array, times: Float64Array, from: number, to: number): void {
  for (let at = from + 1; at < to; at++) {
    const index = order[at]!;
    const time = times[index]!;
    let place = at;
    while (place > from && times[order[place - 1]!]! > time) {
      order[place] = order[place - 1]!;
      place -= 1;
    }
    order[place] = index;
  }
}
