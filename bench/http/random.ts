export type Random = () => number;

/** From 0 to 1, the same sequence for the same seed (xorshift32). */
export function generator(seed: number): Random {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}
