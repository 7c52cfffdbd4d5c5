/** Durations, times and counts for people. */

export function formatSeconds(sec: number): string {
  if (sec < 10) return `${Math.round(sec * 10) / 10} s`;
  if (sec < 120) return `${Math.round(sec)} s`;
  const minutes = Math.round(sec / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(sec / 3_600);
  return hours < 48 ? `${hours} h` : `${Math.round(sec / 86_400)} days`;
}

/** Digits in groups of three, alike on every machine. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

export function formatPercent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
