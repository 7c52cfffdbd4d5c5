/**
 * What the autoscaler does in one check: numbers in, actions out, each with its reason. Whatever
 * is not done says why not, so that every specialization is in `actions` or in `skipped`.
 *
 * Lost agents come first, then the minimum, then those who wait, then the load.
 */

export interface ScalingPolicy {
  /** Average loads, 0 … 1. A load that equals its threshold has not crossed it. */
  scaleUpThreshold: number;
  scaleDownThreshold: number;
  scaleUpCooldownMs: number;
  /** Counts from the last scale-up too: else a new agent could be the next to leave. */
  scaleDownCooldownMs: number;
  unhealthyThreshold: number;
  /** Used ÷ slots of the whole pool, 0 … 1. */
  utilizationHigh: number;
  /** For alerts. No agent leaves because of it: a pool that is hardly used stays ready. */
  utilizationLow: number;
}

export interface AgentSample {
  readonly id: string;
  /** 0 … 1, looked at only in running agents. What is no finite number counts as 0. */
  readonly load: number;
  /** `running`: heard of and fit, or degraded. `lost`: judged unhealthy, or its process ended. */
  readonly phase: 'starting' | 'running' | 'draining' | 'lost';
  readonly protected: boolean;
  readonly misses: number;
  /** Started by this pool, so this pool can replace it. */
  readonly managed: boolean;
  /** Why it is lost, e.g. `Process exited: signal SIGKILL`. Absent: it missed its heartbeats. */
  readonly lostBecause?: string;
}

export interface SpecializationSample {
  readonly name: string;
  /** Configuration refuses a minimum above the maximum; here the maximum wins. */
  readonly min: number;
  readonly max: number;
  /** In ms, as `now`; -Infinity when it never happened. */
  readonly lastUpAt: number;
  readonly lastDownAt: number;
  readonly agents: readonly AgentSample[];
  /** New agents that can be started now, at most: free ports. */
  readonly startable: number;
  /** Why none can be started, whatever `startable` says; null when nothing stands in the way. */
  readonly blocked: string | null;
  /** Agents of it that the requests in the queue could use. */
  readonly wanted: number;
  /** Used ÷ slots of its own agents, as `utilization` of the input is that of the whole pool. */
  readonly utilization: number;
}

export interface ScalingInput {
  enabled: boolean;
  policy: ScalingPolicy;
  now: number;
  utilization: number;
  /** Requests in the queue. One that several specializations could serve is `wanted` by each. */
  queued: number;
  specializations: readonly SpecializationSample[];
}

/** Start one agent; drain one and let it go; or put one in a lost agent's place. */
export type ScalingAction =
  | { type: 'scale_up'; specialization: string; reason: string }
  | { type: 'scale_down'; specialization: string; agent: string; reason: string }
  | {
      type: 'replace_unhealthy';
      specialization: string;
      agent: string;
      /** It comes back under its own id, on its own port: protected, or no other port is free. */
      sameId: boolean;
      reason: string;
    };

export interface ScalingSkip {
  specialization: string;
  reason: string;
}

export interface ScalingDecision {
  actions: ScalingAction[];
  /** At most one for each specialization: what was wanted first, or lasts longest. */
  skipped: ScalingSkip[];
}

/** Decides one check. The caller carries it out, and never samples a replaced agent again. */
export function decideScaling(input: ScalingInput): ScalingDecision {
  const { enabled, policy } = input;
  const coming: Coming = { agents: 0, awaited: 0 };
  const plans = input.specializations.map((sample) => new Plan(sample, coming));
  // All of them before any looks at the queue: whoever is on the way by then is counted there.
  for (const plan of plans) {
    for (const agent of plan.lostProtected) plan.replace(agent, policy);
    // Switched off, the autoscaler still keeps protected agents alive: that is no scaling.
    if (enabled) for (const agent of plan.lost) plan.replace(agent, policy);
    while (enabled && plan.count < plan.min) {
      if (!plan.start(`Below minimum: ${plan.count} < ${plan.min}`)) break;
    }
  }
  const decision: ScalingDecision = { actions: [], skipped: [] };
  for (const plan of plans) {
    const idle = enabled ? followDemand(plan, input, coming) : 'disabled';
    for (const action of plan.actions) decision.actions.push(action);
    const reason = plan.obstacle ?? (plan.actions.length === 0 ? idle : null);
    if (reason !== null) decision.skipped.push({ specialization: plan.sample.name, reason });
  }
  return decision;
}

/** Returns what there is to say if nothing has been done; null where an obstacle says it. */
function followDemand(plan: Plan, input: ScalingInput, coming: Coming): string | null {
  const { policy, queued } = input;
  const { max, wanted } = plan.sample;
  const utilization = Math.max(input.utilization, plan.sample.utilization);
  if (plan.count < plan.min) return null;
  if (plan.count > max) return plan.shrink(`Above maximum: ${plan.count} > ${max}`, input);

  const pressed = utilization > policy.utilizationHigh && queued > 0 && wanted > 0;
  const missing = Math.min(wanted - plan.starting, queued - coming.agents);
  if (pressed && missing > 0) {
    const high = compared(utilization, '>', policy.utilizationHigh);
    return plan.grow(missing, `Utilization high: ${high}, ${queued} waiting`, input);
  }
  // Agents just started for the minimum answer the load too; the rule above counts them itself.
  if (plan.actions.at(-1)?.type === 'scale_up') return null;
  if (plan.count === 0) return startFirst(plan, queued, coming);
  if (plan.running === 0) return 'no agent has reported yet';

  const load = plan.averageLoad();
  const { scaleUpThreshold: upper, scaleDownThreshold: lower } = policy;
  if (load > upper) return plan.grow(1, `High load: ${compared(load, '>', upper)}`, input);
  // Those who wait are about to bring load, so nobody is sent away.
  if (pressed) return 'enough agents are starting for the requests that wait';
  if (load < lower) return plan.shrink(`Low load: ${compared(load, '<', lower)}`, input);
  return `load ${load.toFixed(2)} is between ${lower.toFixed(2)} and ${upper.toFixed(2)}`;
}

/** Without a cooldown: where there is no agent at all, nobody else could serve meanwhile. */
function startFirst(plan: Plan, queued: number, coming: Coming): string | null {
  const { wanted } = plan.sample;
  if (wanted <= 0) return 'no agent is running and no request waits';
  // Else one request that any agent can serve would wake every specialization.
  if (coming.awaited >= Math.max(queued, wanted)) {
    return 'agents of other specializations are starting for the requests that wait';
  }
  plan.start(`Requests waiting: ${wanted}`);
  return null;
}

/** Agents that are starting in specializations that the queue wants. */
interface Coming {
  agents: number;
  /** Of these, no more of a specialization than the queue could use of it. */
  awaited: number;
}

/** One specialization in the course of a check: what there is, and what is decided so far. */
class Plan {
  readonly sample: SpecializationSample;
  readonly min: number;
  readonly lost: AgentSample[] = [];
  readonly lostProtected: AgentSample[] = [];
  readonly actions: ScalingAction[] = [];
  /** What stood in the way of the first thing that was wanted and could not be done. */
  obstacle: string | null = null;
  starting = 0;
  running = 0;
  readonly #coming: Coming;
  #startable: number;
  #loads = 0;
  #startingId: string | null = null;
  #leaver: { id: string; load: number; number: number } | null = null;

  constructor(sample: SpecializationSample, coming: Coming) {
    this.sample = sample;
    this.min = Math.min(sample.min, sample.max);
    this.#coming = coming;
    this.#startable = sample.startable;
    for (const agent of sample.agents) this.#survey(agent);
  }

  /** Agents that serve or will serve; those that drain or are lost are none. */
  get count(): number {
    return this.starting + this.running;
  }

  /** To nine decimals: sums are not exact, and 0.1 and 0.7 would be below 0.4 on average. */
  averageLoad(): number {
    return Math.round((this.#loads / this.running) * 1e9) / 1e9;
  }

  start(reason: string): boolean {
    const action = { type: 'scale_up', specialization: this.sample.name, reason } as const;
    const isBegun = this.#begin(action, this.#obstacleToNew());
    if (isBegun) this.#startable--;
    return isBegun;
  }

  replace(lost: AgentSample, { unhealthyThreshold }: ScalingPolicy): void {
    const { id: agent, misses, lostBecause } = lost;
    const sameId = lost.protected || this.#startable < 1;
    const reason = lostBecause ?? `Missed heartbeats: ${misses} >= ${unhealthyThreshold}`;
    const { name: specialization } = this.sample;
    const action = { type: 'replace_unhealthy', specialization, agent, sameId, reason } as const;
    const obstacle = lost.protected ? this.#obstacleToReturn() : this.#obstacleToAnother();
    if (this.#begin(action, obstacle) && !sameId) this.#startable--;
  }

  /** Starts up to so many agents, unless the last scale-up is too recent. */
  grow(agents: number, reason: string, { policy, now }: ScalingInput): null {
    const leftMs = this.sample.lastUpAt + policy.scaleUpCooldownMs - now;
    const obstacle = this.#obstacleToNew() ?? cooldown(leftMs);
    this.obstacle ??= obstacle;
    for (let i = 0; obstacle === null && i < agents && this.start(reason); i++);
    return null;
  }

  /** Lets one agent go; or returns why none goes. */
  shrink(reason: string, { policy, now }: ScalingInput): string | null {
    const { name: specialization, lastUpAt, lastDownAt } = this.sample;
    if (this.actions.length > 0) return null;
    if (this.count <= this.min) return `at min ${this.min}`;
    if (this.#startingId !== null) return `waiting for ${this.#startingId} to start`;
    if (this.#leaver === null) return 'only protected agents left';
    const leftMs = Math.max(lastUpAt, lastDownAt) + policy.scaleDownCooldownMs - now;
    if (leftMs > 0) return cooldown(leftMs);
    const agent = this.#leaver.id;
    this.actions.push({ type: 'scale_down', specialization, agent, reason });
    return null;
  }

  #begin(action: ScalingAction, obstacle: string | null): boolean {
    this.obstacle ??= obstacle;
    if (obstacle !== null) return false;
    this.#expectOne();
    this.actions.push(action);
    return true;
  }

  #survey(agent: AgentSample): void {
    if (agent.phase === 'starting') {
      this.#startingId ??= agent.id;
      this.#expectOne();
    } else if (agent.phase === 'running') {
      this.running++;
      const load = Number.isFinite(agent.load) ? agent.load : 0;
      this.#loads += load;
      if (!agent.protected) this.#considerLeaving(agent.id, load);
    } else if (agent.phase === 'lost' && agent.managed) {
      (agent.protected ? this.lostProtected : this.lost).push(agent);
    }
  }

  /** The least loaded one leaves; of equals the newest, which has the highest number. */
  #considerLeaving(id: string, load: number): void {
    const rival = this.#leaver;
    if (rival !== null && load > rival.load) return;
    const number = numberOf(id);
    if (load === rival?.load) {
      if (number < rival.number || (number === rival.number && id < rival.id)) return;
    }
    this.#leaver = { id, load, number };
  }

  #expectOne(): void {
    this.starting++;
    if (this.sample.wanted > 0) this.#coming.agents++;
    if (this.starting <= this.sample.wanted) this.#coming.awaited++;
  }

  /** A protected agent has its port and its place: only what makes every start futile counts. */
  #obstacleToReturn(): string | null {
    const { blocked } = this.sample;
    return /^(quarantined|backing off)/.test(blocked ?? '') ? blocked : null;
  }

  #obstacleToAnother(): string | null {
    const { max, blocked } = this.sample;
    return this.count >= max ? `at max ${max}` : blocked;
  }

  #obstacleToNew(): string | null {
    return this.#obstacleToAnother() ?? (this.#startable >= 1 ? null : 'ports exhausted');
  }
}

/** The last number in an id, -1 if there is none. Idle agents all tie, so it makes no strings. */
function numberOf(id: string): number {
  let number = -1;
  let inside = false;
  for (let at = 0; at < id.length; at++) {
    const digit = id.charCodeAt(at) - 48;
    const isDigit = digit >= 0 && digit <= 9;
    if (isDigit) number = (inside ? number * 10 : 0) + digit;
    inside = isDigit;
  }
  return number;
}

function cooldown(leftMs: number): string | null {
  return leftMs > 0 ? `cooldown ${Math.ceil(leftMs / 1000)} s left` : null;
}

/** `0.87 > 0.75`: two decimals, and only where that would not be true, more: `0.751 > 0.75`. */
function compared(a: number, sign: '<' | '>', b: number): string {
  let digits = 2;
  const difference = () => Number(a.toFixed(digits)) - Number(b.toFixed(digits));
  while (digits < 20 && (sign === '<' ? difference() >= 0 : difference() <= 0)) digits++;
  const shown = (value: number) => value.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, '$1');
  return `${shown(a)} ${sign} ${shown(b)}`;
}
