/**
 * Prometheus metrics. The pool's own figures are taken when they are asked for; only the answers to
 * lease requests and what the autoscaler does are counted as they happen. No label takes a value that a client can invent.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { PoolStats } from '../core/queries.ts';
import { SCALING_KINDS, type ScalingKind } from '../core/words.ts';

/** `waited`: granted after a wait in the queue. `failed`: bad input, faults of the pool. */
export type LeaseAnswer =
  | 'granted'
  | 'reused'
  | 'waited'
  | 'queued'
  | 'refused'
  | 'expired'
  | 'dry_run';

/** More specializations than these are counted together: agents bring their own names along. */
const MOST_SPECIALIZATIONS = 50;
const OTHER = 'other';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 15, 30, 60];

export interface ServiceState {
  readonly ready: boolean;
  readonly uptimeSec: number;
  readonly longPolls: number;
  readonly eventStreams: number;
  readonly openAlerts: number;
  readonly runnerSockets: number;
  readonly hostedAgents: number;
  readonly clientSockets: number;
}

/** Of the fleet: with the specializations that the configuration names, and no others. */
export interface FleetFigures {
  readonly enabled: boolean;
  readonly specializations: readonly ({ readonly name: string } & Partial<FleetCounts>)[];
}

const FLEET_STATES = ['starting', 'running', 'draining', 'lost'] as const;
type FleetCounts = { readonly [S in (typeof FLEET_STATES)[number]]: number };

export class Metrics {
  readonly #registry = new Registry();
  readonly #purposes: ReadonlySet<string>;
  readonly #latency: Histogram<'outcome'>;
  readonly #scalings: Counter<'type'>;
  readonly #gauges = new Map<string, Gauge<string>>();
  readonly #counters = new Map<string, Counter<string>>();

  /** `purposes`: the configured ones, which get a label each; all others are counted together. */
  constructor(version: string, purposes: Iterable<string>) {
    // `general` is what a request is for that does not say; it needs no configuration.
    this.#purposes = new Set([...purposes, 'general']);
    collectDefaultMetrics({ register: this.#registry, prefix: 'remuda_' });
    this.#gauge('remuda_info', 'The version that runs.', ['version']).set({ version }, 1);
    this.#latency = new Histogram({
      name: 'remuda_lease_request_seconds',
      help: 'From a lease request to its answer, by outcome; waiting in the queue included.',
      labelNames: ['outcome'],
      buckets: SECONDS,
      registers: [this.#registry],
    });
    this.#scalings = new Counter({
      name: 'remuda_scaling_actions_total',
      help: 'What the autoscaler did since the start of the process, by type.',
      labelNames: ['type'],
      registers: [this.#registry],
    });
    // A series that begins with its first action would hide that action from rate().
    for (const type of SCALING_KINDS) this.#scalings.inc({ type }, 0);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observeLease(outcome: LeaseAnswer, seconds: number): void {
    this.#latency.observe({ outcome }, seconds);
  }

  countScaling(type: ScalingKind): void {
    this.#scalings.inc({ type });
  }

  /** Without stats and fleet (the pool is starting) only what the process knows of itself. */
  async text(
    stats: PoolStats | null,
    fleet: FleetFigures | null,
    service: ServiceState,
  ): Promise<string> {
    this.#set('remuda_ready', 'Whether the pool takes commands.', Number(service.ready));
    this.#set('remuda_uptime_seconds', 'Since the start of the process.', service.uptimeSec);
    this.#set('remuda_long_polls', 'Requests that wait for a ticket.', service.longPolls);
    this.#set('remuda_event_streams', 'Open event streams.', service.eventStreams);
    this.#set('remuda_runner_sockets', 'Runners that are connected.', service.runnerSockets);
    this.#set('remuda_hosted_agents', 'Agents on the sockets of runners.', service.hostedAgents);
    this.#set('remuda_client_sockets', 'Clients that are connected.', service.clientSockets);
    this.#set('remuda_alerts_open', 'Open alerts.', service.openAlerts);
    if (stats) this.#pool(stats);
    if (fleet) this.#fleet(fleet);
    return this.#registry.metrics();
  }

  #pool({ agents, leases, queue, counters, ...stats }: PoolStats): void {
    this.#set('remuda_agents', 'Registered agents.', agents.total);
    this.#byLabel('remuda_agents_by_phase', 'Agents by phase.', 'phase', agents.byPhase);
    this.#byLabel('remuda_agents_by_health', 'Agents by health.', 'health', agents.byHealth);
    const bySpecialization = Object.entries(agents.bySpecialization);
    const slots = (pick: 'total' | 'slots' | 'usedSlots') =>
      foldTail(bySpecialization.map(([name, figures]) => [name, figures[pick]]));
    const label = 'specialization';
    this.#byLabel('remuda_specialization_agents', 'Agents.', label, slots('total'));
    this.#byLabel('remuda_specialization_slots', 'Slots.', label, slots('slots'));
    this.#byLabel('remuda_specialization_used_slots', 'Used slots.', label, slots('usedSlots'));
    this.#set('remuda_leases', 'Live leases.', leases.total);
    this.#byLabel('remuda_leases_by_state', 'Leases by state.', 'state', leases.byState);
    this.#byLabel(
      'remuda_leases_by_purpose',
      'Leases by purpose.',
      'purpose',
      this.#known(leases.byPurpose),
    );
    this.#set('remuda_queue_length', 'Requests that wait.', queue.length);
    this.#byLabel('remuda_queue_by_priority', 'Requests that wait.', 'priority', queue.byPriority);
    this.#set('remuda_queue_oldest_seconds', 'How long the oldest waits.', queue.oldestMs / 1_000);
    this.#set('remuda_tenants', 'Tenants that are remembered.', stats.tenants);
    this.#set('remuda_slots', 'Slots of all agents.', stats.slots);
    this.#set('remuda_used_slots', 'Slots that are taken.', stats.usedSlots);
    this.#set('remuda_utilization_ratio', 'Used ÷ all slots.', stats.utilization);
    this.#set('remuda_warm_hit_ratio', 'Warm grants ÷ grants.', stats.warmHitRatio);
    this.#count('remuda_lease_requests_total', 'Lease requests.', counters.requests);
    this.#count('remuda_leases_granted_total', 'Leases granted.', counters.granted);
    this.#count(
      'remuda_leases_reused_total',
      'Requests answered with own leases.',
      counters.reused,
    );
    this.#count('remuda_leases_warm_total', 'Leases granted to a warm agent.', counters.warm);
    this.#count('remuda_leases_reclaimed_total', 'Leases taken back.', counters.reclaimed);
    this.#count('remuda_leases_moved_total', 'Leases moved to another agent.', counters.moved);
    this.#count('remuda_tickets_queued_total', 'Requests queued.', counters.queued);
    this.#count('remuda_tickets_expired_total', 'Requests that gave up.', counters.expiredTickets);
    this.#count('remuda_lease_requests_refused_total', 'Requests refused.', counters.refused);
  }

  #fleet({ enabled, specializations }: FleetFigures): void {
    this.#set('remuda_autoscaler_enabled', 'Whether the autoscaler acts.', Number(enabled));
    const agents = this.#gauge('remuda_fleet_agents', 'Agents of configured specializations.', [
      'specialization',
      'state',
    ]);
    agents.reset();
    for (const kind of specializations) {
      for (const state of FLEET_STATES) {
        agents.set({ specialization: kind.name, state }, kind[state] ?? 0);
      }
    }
    this.#byLabel(
      'remuda_fleet_desired',
      'Agents that run or start.',
      'specialization',
      Object.fromEntries(
        specializations.map(({ name, starting = 0, running = 0 }) => [name, starting + running]),
      ),
    );
  }

  #known(byPurpose: { readonly [purpose: string]: number }): { [purpose: string]: number } {
    const known: { [purpose: string]: number } = {};
    for (const [purpose, count] of Object.entries(byPurpose)) {
      const label = this.#purposes.has(purpose) ? purpose : OTHER;
      known[label] = (known[label] ?? 0) + count;
    }
    return known;
  }

  #set(name: string, help: string, value: number): void {
    this.#gauge(name, help, []).set(value);
  }

  #byLabel(
    name: string,
    help: string,
    label: string,
    values: { readonly [value: string]: number },
  ): void {
    const gauge = this.#gauge(name, help, [label]);
    gauge.reset();
    for (const [value, count] of Object.entries(values)) gauge.set({ [label]: value }, count);
  }

  #gauge(name: string, help: string, labelNames: string[]): Gauge<string> {
    let gauge = this.#gauges.get(name);
    if (!gauge) {
      gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
      this.#gauges.set(name, gauge);
    }
    return gauge;
  }

  /** The pool counts; this only repeats its count. */
  #count(name: string, help: string, value: number): void {
    let counter = this.#counters.get(name);
    if (!counter) {
      counter = new Counter({ name, help, registers: [this.#registry] });
      this.#counters.set(name, counter);
    }
    counter.reset();
    counter.inc(value);
  }
}

/** The largest by name order, and the rest as one. */
function foldTail(entries: readonly (readonly [string, number])[]): { [name: string]: number } {
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const folded = Object.fromEntries(sorted.slice(0, MOST_SPECIALIZATIONS));
  const rest = sorted.slice(MOST_SPECIALIZATIONS);
  if (rest.length > 0)
    folded[OTHER] = rest.reduce((sum, [, count]) => sum + count, folded[OTHER] ?? 0);
  return folded;
}
