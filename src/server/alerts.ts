/**
 * What a person should be told about the pool, for each specialization by itself. Each alert opens
 * only after its condition has held for a while and closes only after it has been clearly over for a
 * while: a figure that hovers around its threshold makes one alert, not hundreds. Kept in memory; a
 * restart begins anew. Nothing is done about an alert from here.
 */
import type { SpecializationDemand } from '../core/queries.ts';
import type { FleetBrief } from '../host/fleet-api.ts';
import type { Alert as AlertJson, AlertName } from '../protocol/pool-schemas.ts';
import { toTime } from '../protocol/time.ts';
import { blockedMessage, highMessage, lowMessage } from './alert-messages.ts';

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
  // Longer than the attempt between two quarantines usually takes.
  start_blocked: { openMs: 6_000, closeMs: 120_000 },
};

/** How far beyond its threshold a figure must be to count as clearly over. */
const BAND = 0.05;
/** Closed ones; of the open ones there are no more than specializations allow. */
const MOST_KEPT = 1_000;

interface Alert {
  readonly id: string;
  readonly name: AlertName;
  /** Since when its condition has held, without a break. */
  readonly since: number;
  readonly openedAt: number;
  closedAt: number | null;
  updatedAt: number;
  figures: Figures;
}

type Kind = FleetBrief['kinds'][number];

/** One specialization as it is now. */
export interface Figures {
  readonly specialization: string;
  readonly utilization: number;
  readonly threshold: number;
  readonly requests: number;
  readonly wanted: number;
  /** Agents that would bring it below the upper threshold, with all served who wait. */
  readonly missing: number;
  /** Agents that come by themselves and could go without bringing it above the lower threshold. */
  readonly spare: number;
  /** What the fleet knows of it; null where none can be started from here. */
  readonly kind: Kind | null;
  readonly isScaling: boolean;
}

interface Watch {
  readonly name: AlertName;
  readonly specialization: string;
  open: Alert | null;
  /** Since when the condition has held (closed) or has been over (open); null = it does not. */
  since: number | null;
}

interface Condition {
  readonly holds: boolean;
  readonly isOver: boolean;
}

const OVER: Condition = { holds: false, isOver: true };

export class Alerts {
  readonly #thresholds: AlertThresholds;
  /** The newest last. */
  #closed: Alert[] = [];
  readonly #watches = new Map<string, Watch>();
  #openCount = 0;
  #lastId = 0;

  constructor(thresholds: AlertThresholds) {
    this.#thresholds = thresholds;
  }

  /** Looks at the pool once; `now` in ms since 1970. Returns what has opened and closed. */
  evaluate(
    demands: readonly SpecializationDemand[],
    fleet: FleetBrief | null,
    now: number,
  ): AlertJson[] {
    const changed: Alert[] = [];
    const seen = new Set<Watch>();
    const kinds = new Map(fleet?.kinds.map((kind) => [kind.name, kind]));
    const names = new Set(demands.map(({ name }) => name));
    const unheard = [...kinds.keys()].filter((name) => !names.has(name)).map(nothingOf);
    for (const demand of [...demands, ...unheard]) {
      const kind = kinds.get(demand.name) ?? null;
      const figures = figuresOf(demand, kind, fleet?.enabled ?? false, this.#thresholds);
      for (const [name, condition, threshold] of this.#conditions(demand, figures)) {
        const watch = this.#watchOf(name, demand.name);
        seen.add(watch);
        this.#look(watch, { ...figures, threshold }, condition, now, changed);
      }
    }
    for (const [key, watch] of this.#watches) {
      // Its last agent has gone.
      if (!seen.has(watch)) this.#look(watch, null, OVER, now, changed);
      if (watch.open === null && watch.since === null) this.#watches.delete(key);
    }
    return changed.map(toJson);
  }

  /** The newest first, open ones before closed ones; `from` items are left out. */
  list(limit: number, from: number): { items: AlertJson[]; next: number | null } {
    const open = [...this.#watches.values()].flatMap((watch) => watch.open ?? []);
    open.sort((a, b) => b.openedAt - a.openedAt);
    const sorted = [...open, ...this.#closed.toReversed()];
    const items = sorted.slice(from, from + limit).map(toJson);
    return { items, next: from + limit < sorted.length ? from + limit : null };
  }

  get openCount(): number {
    return this.#openCount;
  }

  #conditions(
    { slots, agents, wanted }: SpecializationDemand,
    { utilization, kind }: Figures,
  ): (readonly [AlertName, Condition, threshold: number])[] {
    const { utilizationHigh: high, utilizationLow: low } = this.#thresholds;
    const waiting = wanted > 0;
    // The autoscaler lets go what it has started itself, and an empty pool is not an idle one.
    const canShrink = slots > 0 && agents > (kind?.managed ?? 0);
    const blocked = kind !== null && kind.blocked !== null;
    return [
      [
        'utilization_high',
        {
          holds: waiting && utilization > high,
          isOver: !waiting || utilization < high - BAND,
        },
        high,
      ],
      [
        'utilization_low',
        { holds: canShrink && utilization < low, isOver: !canShrink || utilization > low + BAND },
        low,
      ],
      ['start_blocked', { holds: blocked, isOver: !blocked }, 0],
    ];
  }

  #watchOf(name: AlertName, specialization: string): Watch {
    const key = `${name} ${specialization}`;
    let watch = this.#watches.get(key);
    if (watch === undefined) {
      watch = { name, specialization, open: null, since: null };
      this.#watches.set(key, watch);
    }
    return watch;
  }

  #look(
    watch: Watch,
    figures: Figures | null,
    condition: Condition,
    now: number,
    changed: Alert[],
  ): void {
    const { openMs, closeMs } = PATIENCE[watch.name];
    const { open } = watch;
    // What ended an alert is not what it was about: the last figures that it held with stay.
    if (open && figures && !condition.isOver) Object.assign(open, { figures, updatedAt: now });
    if (!(open ? condition.isOver : condition.holds)) {
      watch.since = null;
      return;
    }
    watch.since ??= now;
    if (now - watch.since < (open ? closeMs : openMs)) return;
    if (open) changed.push(this.#close(watch, open, now));
    else if (figures) changed.push(this.#open(watch, watch.since, figures, now));
    watch.since = null;
  }

  #open(watch: Watch, since: number, figures: Figures, now: number): Alert {
    this.#lastId += 1;
    this.#openCount += 1;
    const { name } = watch;
    const id = `${name}-${now}-${this.#lastId}`;
    watch.open = { id, name, since, openedAt: now, closedAt: null, updatedAt: now, figures };
    return watch.open;
  }

  #close(watch: Watch, alert: Alert, now: number): Alert {
    this.#openCount -= 1;
    watch.open = null;
    alert.closedAt = now;
    this.#closed.push(alert);
    if (this.#closed.length > MOST_KEPT) this.#closed = this.#closed.slice(-MOST_KEPT);
    return alert;
  }
}

const MESSAGES = {
  utilization_high: highMessage,
  utilization_low: lowMessage,
  start_blocked: blockedMessage,
} as const;

function toJson({ id, name, since, openedAt, closedAt, updatedAt, figures }: Alert): AlertJson {
  return {
    alert_id: id,
    name,
    state: closedAt === null ? 'open' : 'closed',
    severity: name === 'utilization_low' ? 'info' : 'warning',
    specialization: figures.specialization,
    message: MESSAGES[name](figures),
    utilization: figures.utilization,
    threshold: figures.threshold,
    queue_length: figures.requests,
    wanted_agents: figures.wanted,
    missing_agents: name === 'utilization_high' ? figures.missing : 0,
    since: toTime(since),
    opened_at: toTime(openedAt),
    updated_at: toTime(updatedAt),
    closed_at: closedAt === null ? null : toTime(closedAt),
  };
}

/** A specialization that can be started from here, has no agents and is asked for by nobody. */
function nothingOf(name: string): SpecializationDemand {
  return { name, agents: 0, slots: 0, usedSlots: 0, requests: 0, wanted: 0 };
}

function figuresOf(
  { name, agents, slots, usedSlots, requests, wanted }: SpecializationDemand,
  kind: Kind | null,
  isScaling: boolean,
  { utilizationHigh: high, utilizationLow: low }: AlertThresholds,
): Figures {
  // Where there is nobody, whoever waits finds no free slot either.
  const utilization = slots === 0 ? Number(wanted > 0) : usedSlots / slots;
  const slotsPerAgent = agents === 0 ? 1 : Math.max(1, slots / agents);
  const roomy = (usedSlots + wanted) / (high > 0 ? high : 1);
  const enough = low > 0 ? usedSlots / low : slots;
  const external = agents - (kind?.managed ?? 0);
  const spare = Math.floor((slots - enough) / slotsPerAgent);
  return {
    specialization: name,
    utilization,
    threshold: high,
    requests,
    wanted,
    missing: Math.max(0, Math.ceil((roomy - slots) / slotsPerAgent)),
    spare: Math.max(0, Math.min(spare, external)),
    kind,
    isScaling,
  };
}
