/**
 * When people come: by the hour of the day and the day of the week, in their own time zone. The
 * shapes are assumptions (quiet before dawn, busiest in the evening, busier weekends), not data.
 */
const HOUR_MS = 3_600_000;
const HOURS_PER_WEEK = 168;
const WEEK_MS = HOURS_PER_WEEK * HOUR_MS;

/** How much is begun in each hour of a working day, from midnight on; only ratios count. */
const DAY = [
  0.75, 0.5, 0.35, 0.25, 0.2, 0.2, 0.25, 0.35, 0.45, 0.5, 0.55, 0.6, 0.7, 0.7, 0.75, 0.9, 1.05, 1.2,
  1.35, 1.5, 1.6, 1.55, 1.35, 1.05,
] as const;
const WEEKEND_FACTOR = 1.25;
const WORKING_DAYS = 5;

/** Where tenants are: hours from UTC, and the share of tenants there. */
export const TIME_ZONES = [
  { hours: -8, share: 0.11 },
  { hours: -6, share: 0.14 },
  { hours: -5, share: 0.17 },
  { hours: -3, share: 0.09 },
  { hours: 0, share: 0.1 },
  { hours: 1, share: 0.17 },
  { hours: 3, share: 0.07 },
  { hours: 5.5, share: 0.05 },
  { hours: 8, share: 0.06 },
  { hours: 9, share: 0.04 },
] as const;

function weekOf(): Float64Array {
  const week = Float64Array.from({ length: HOURS_PER_WEEK }, (_, hour) => {
    const isWeekend = hour >= WORKING_DAYS * DAY.length;
    return DAY[hour % DAY.length]! * (isWeekend ? WEEKEND_FACTOR : 1);
  });
  const mean = week.reduce((sum, value) => sum + value, 0) / HOURS_PER_WEEK;
  return week.map((value) => value / mean);
}

/** By the hour of the week, from Monday midnight on; the mean of the week is 1. */
const WEEK = weekOf();

export const BUSIEST: number = Math.max(...WEEK);

/** How busy it is at a local time, in ms since a Monday's midnight; 1 on average. */
export function busyness(localMs: number): number {
  const ofWeek = ((localMs % WEEK_MS) + WEEK_MS) % WEEK_MS;
  return WEEK[Math.floor(ofWeek / HOUR_MS)]!;
}
