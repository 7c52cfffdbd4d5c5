/** Times as they stand in traces: unix seconds (or minutes), or ISO 8601. */

/** The last moment of the year 9999; beyond it a number was hardly meant as seconds. */
const LATEST_MS = 253_402_300_799_999;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/**
 * Milliseconds since 1970, or null for what is no time from 1970 to 9999. A time without a zone is
 * UTC, whatever the zone of this machine: the same trace must replay alike everywhere.
 */
export function parseTime(text: string, secondsPerUnit = 1): number | null {
  const ms = NUMBER.test(text) ? Math.round(Number(text) * secondsPerUnit * 1_000) : parseIso(text);
  return ms >= 0 && ms <= LATEST_MS ? ms : null;
}

function parseIso(text: string): number {
  const match = ISO.exec(text);
  if (!match) return Number.NaN;
  const [, date = '', time = '00:00', zone = 'Z'] = match;
  return Date.parse(`${date}T${time}${fullZone(zone)}`);
}

/** `+02` and `+0200` as Date.parse wants them. */
function fullZone(zone: string): string {
  if (zone.toUpperCase() === 'Z') return 'Z';
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}

/** A duration in seconds as milliseconds, or null for what is none. */
export function parseDuration(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  const ms = Math.round(Number(text) * 1_000);
  return ms >= 0 && ms <= LATEST_MS ? ms : null;
}
