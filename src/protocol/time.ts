/** Times and durations between the core (milliseconds) and the wire (RFC 3339, seconds). */

export function toTime(ms: number): string {
  return new Date(ms).toISOString();
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
