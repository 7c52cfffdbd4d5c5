/** Times and durations between the core (milliseconds) and the wire (RFC 3339, seconds). */

/** The answers of a moment name the same few instants; writing one takes half a microsecond. */
const REMEMBERED = 64;
const instants = new Float64Array(REMEMBERED).fill(Number.NaN);
const texts: string[] = new Array<string>(REMEMBERED).fill('');

export function toTime(ms: number): string {
  const slot = ms % REMEMBERED;
  if (instants[slot] === ms) return texts[slot] as string;
  const text = new Date(ms).toISOString();
  // A fraction or a negative number has no slot.
  if (slot in instants) {
    instants[slot] = ms;
    texts[slot] = text;
  }
  return text;
}

/** The core writes 0 for "never". */
export function toTimeOrNull(ms: number): string | null {
  return ms > 0 ? toTime(ms) : null;
}

export function toSec(ms: number): number {
  return ms / 1_000;
}

/** Seconds may have fractions; the core counts whole milliseconds. */
export function toMs(sec: number): number {
  return Math.round(sec * 1_000);
}
