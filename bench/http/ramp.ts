const STEP = 1.5;
const HALVINGS = 3;

/** The highest rate that a run is still good at: up in steps, then between the last two. */
export async function ramp<R>(
  from: number,
  run: (rate: number) => Promise<R | null>,
): Promise<R | null> {
  let best: R | null = null;
  let good = 0;
  let bad = from;
  for (;;) {
    const result = await run(bad);
    if (result === null) break;
    best = result;
    good = bad;
    bad = Math.round(bad * STEP);
  }
  for (let i = 0; i < HALVINGS && bad - good > from / 10; i++) {
    const middle = Math.round((good + bad) / 2);
    const result = await run(middle);
    if (result === null) bad = middle;
    else {
      best = result;
      good = middle;
    }
  }
  return best;
}
