/**
 * What a person should be told about the pool. Each alert opens only after its condition has held
 * for a while and closes only after it has been clearly over for a while: a figure that hovers
 * around its threshold makes one alert, not hundreds. Kept in memory; a restart begins anew.
 */
import type { PoolStats } from '../core/queries.ts';
import type { Alert as AlertJson, AlertName } from '../protocol/pool-schemas.ts';
import { toTime } from '../protocol/time.ts';

export interface AlertThresholds {
  readonly utilizationHigh: number;
  readonly utilizationLow: number;
}

/** How long a condition must hold, and be over, before the alert opens and closes. */
const PATIENCE: {
  readonly [N in AlertName]: { readonly openMs: number; readonly closeMs: number };
} = {
  utilization_high: { openMs: 6_000, closeMs: 30_000 },
  utilization_low: { openMs: 30_000, closeMs: 60_000 },
};

/** How far beyond its threshold a figure must be to count as clearly over. */
const BAND = 0.05;
const MOST_KEPT = 1_000;

interface Alert {
  readonly id: string;
  readonly name: AlertName;
  readonly openedAt: number;
  closedAt: number | null;
  updatedAt: number;
  figures: Figures;
}

interface Figures {
  readonly utilization: number;
  readonly queueLength: number;
  readonly missingAgents: number;
  readonly spareAgents: number;
}

interface Watch {
  open: Alert | null;
  /** Since when the condition has held (closed) or has been over (open); null = it does not. */
  since: number | null;
}

export class Alerts {
  readonly #thresholds: AlertThresholds;
  /** The newest last. */
  readonly #kept: Alert[] = [];
  readonly #watches: { readonly [N in AlertName]: Watch } = {
    utilization_high: { open: null, since: null },
    utilization_low: { open: null, since: null },
  };
  #lastId = 0;

  constructor(thresholds: AlertThresholds) {
    this.#thresholds = thresholds;
  }

  /** Looks at the pool once; `now` in ms since 1970. */
  evaluate(stats: PoolStats, now: number): void {
    const figures = figuresOf(stats, this.#thresholds);
    const { utilization, queueLength } = figures;
    const { utilizationHigh: high, utilizationLow: low } = this.#thresholds;
    const waiting = queueLength > 0;
    this.#watch('utilization_high', figures, now, {
      holds: waiting && utilization > high,
      isOver: !waiting || utilization < high - BAND,
    });
    // An empty pool is not an idle one.
    this.#watch('utilization_low', figures, now, {
      holds: stats.slots > 0 && utilization < low,
      isOver: stats.slots === 0 || utilization > low + BAND,
    });
  }

  /** The newest first, open ones before closed ones; `from` items are left out. */
  list(limit: number, from: number): { items: AlertJson[]; next: number | null } {
    const all = this.#kept.toReversed();
    const sorted = [
      ...all.filter(({ closedAt }) => closedAt === null),
      ...all.filter(({ closedAt }) => closedAt !== null),
    ];
    const items = sorted.slice(from, from + limit).map((alert) => this.#json(alert));
    return { items, next: from + limit < sorted.length ? from + limit : null };
  }

  get openCount(): number {
    return Object.values(this.#watches).filter(({ open }) => open !== null).length;
  }

  #watch(
    name: AlertName,
    figures: Figures,
    now: number,
    condition: { readonly holds: boolean; readonly isOver: boolean },
  ): void {
    const watch = this.#watches[name];
    const { openMs, closeMs } = PATIENCE[name];
    if (watch.open) Object.assign(watch.open, { figures, updatedAt: now });
    const changes = watch.open ? condition.isOver : condition.holds;
    if (!changes) {
      watch.since = null;
      return;
    }
    watch.since ??= now;
    if (now - watch.since < (watch.open ? closeMs : openMs)) return;
    watch.since = null;
    if (watch.open) {
      watch.open.closedAt = now;
      watch.open = null;
    } else watch.open = this.#open(name, figures, now);
  }

  #open(name: AlertName, figures: Figures, now: number): Alert {
    this.#lastId += 1;
    const id = `${name}-${now}-${this.#lastId}`;
    const alert: Alert = { id, name, openedAt: now, closedAt: null, updatedAt: now, figures };
    this.#kept.push(alert);
    if (this.#kept.length > MOST_KEPT) this.#kept.shift();
    return alert;
  }

  #json({ id, name, openedAt, closedAt, updatedAt, figures }: Alert): AlertJson {
    const isHigh = name === 'utilization_high';
    const { utilizationHigh, utilizationLow } = this.#thresholds;
    const threshold = isHigh ? utilizationHigh : utilizationLow;
    return {
      alert_id: id,
      name,
      state: closedAt === null ? 'open' : 'closed',
      severity: isHigh ? 'warning' : 'info',
      message: isHigh ? highMessage(figures, threshold) : lowMessage(figures, threshold),
      utilization: figures.utilization,
      threshold,
      queue_length: figures.queueLength,
      missing_agents: isHigh ? figures.missingAgents : 0,
      opened_at: toTime(openedAt),
      updated_at: toTime(updatedAt),
      closed_at: closedAt === null ? null : toTime(closedAt),
    };
  }
}

/** Missing: enough for all who wait, with the utilization at the threshold again. */
function figuresOf(
  stats: PoolStats,
  { utilizationHigh, utilizationLow }: AlertThresholds,
): Figures {
  const { slots, usedSlots, utilization, agents, queue } = stats;
  const slotsPerAgent = agents.total === 0 ? 1 : Math.max(1, slots / agents.total);
  const wanted = (usedSlots + queue.length) / (utilizationHigh > 0 ? utilizationHigh : 1);
  const enough = utilizationLow > 0 ? usedSlots / utilizationLow : slots;
  return {
    utilization,
    queueLength: queue.length,
    missingAgents: Math.max(0, Math.ceil((wanted - slots) / slotsPerAgent)),
    spareAgents: Math.max(0, Math.floor((slots - enough) / slotsPerAgent)),
  };
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}

function highMessage(figures: Figures, threshold: number): string {
  const { utilization, queueLength, missingAgents } = figures;
  return `Pool utilization high: ${percent(utilization)} of all slots are taken (threshold ${percent(threshold)}) and ${queueLength} ${queueLength === 1 ? 'request waits' : 'requests wait'}. About ${missingAgents} more ${missingAgents === 1 ? 'agent' : 'agents'} would serve them; add agents to the pool.`;
}

function lowMessage({ utilization, spareAgents }: Figures, threshold: number): string {
  return `Pool utilization low: ${percent(utilization)} of all slots are taken (threshold ${percent(threshold)}). About ${spareAgents} ${spareAgents === 1 ? 'agent' : 'agents'} could be retired.`;
}
