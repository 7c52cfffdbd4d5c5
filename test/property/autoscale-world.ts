/**
 * A pool under load, as the autoscaler sees it: agents take their time to start and to drain, fail
 * to start, and die; tenants come by the hour of the day and in bursts; people change limits, bring
 * agents of their own and switch the autoscaler off. What happens depends on the scenario alone.
 */
import type {
  AgentSample,
  ScalingAction,
  ScalingDecision,
  ScalingInput,
  ScalingPolicy,
  SpecializationSample,
} from '../../src/core/autoscale.ts';
import { mulberry32 } from '../../src/sim/mulberry32.ts';
import { START } from './scripts.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Kind {
  readonly min: number;
  readonly max: number;
  /** Protected agents, there from the beginning. */
  readonly core: number;
  readonly ports: number;
  /** Starting takes half as long to one and a half times as long. */
  readonly bootMs: number;
  readonly drainMs: number;
  /** One start of so many fails; 0: none. */
  readonly failsOneIn: number;
  readonly deathsADay: number;
  /** Agents' worth of load: on average, and how much more or less by the hour, as a share. */
  readonly demand: number;
  readonly swing: number;
  readonly peakHour: number;
  readonly burstsADay: number;
}

export interface Scenario {
  readonly seed: number;
  readonly days: number;
  readonly intervalMs: number;
  readonly policy: ScalingPolicy;
  readonly kinds: readonly Kind[];
  /** Of the requests that wait, one in so many can be served by any specialization; 0: none. */
  readonly sharedOneIn: number;
  /** Changes of limits, agents from outside, times of being switched off. */
  readonly meddlingADay: number;
}

/** What of a sample happens in the world, by itself. */
class Agent implements AgentSample {
  load = 0;
  phase: AgentSample['phase'] = 'starting';
  misses = 0;
  lostBecause: string | undefined;
  /** When it has started, has drained, or comes back by itself. */
  until = 0;
  fails = false;
  readonly id: string;
  readonly protected: boolean;
  readonly managed: boolean;

  constructor(id: string, isProtected: boolean, managed: boolean) {
    this.id = id;
    this.protected = isProtected;
    this.managed = managed;
  }
}

export class Specialization implements SpecializationSample {
  lastUpAt = Number.NEGATIVE_INFINITY;
  lastDownAt = Number.NEGATIVE_INFINITY;
  agents: Agent[] = [];
  startable = 0;
  blocked: string | null = null;
  wanted = 0;
  utilization = 0;
  min: number;
  max: number;
  /** Agents' worth of load that nobody takes on. */
  excess = 0;
  burst = 0;
  burstUntil = 0;
  failures = 0;
  heldUntil = 0;
  named = 0;
  readonly name: string;
  readonly kind: Kind;

  constructor(name: string, kind: Kind) {
    this.name = name;
    this.kind = kind;
    this.min = kind.min;
    this.max = kind.max;
  }

  get running(): number {
    let running = 0;
    for (const { phase } of this.agents) if (phase === 'running') running++;
    return running;
  }
}

export class ScalingWorld implements ScalingInput {
  now = START;
  enabled = true;
  utilization = 0;
  queued = 0;
  readonly policy: ScalingPolicy;
  readonly specializations: readonly Specialization[];
  readonly #scenario: Scenario;
  readonly #random: () => number;
  /** Nothing goes wrong any more, and no tenant comes. */
  #quiet = false;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.#random = mulberry32(scenario.seed);
    this.policy = scenario.policy;
    this.specializations = scenario.kinds.map((kind, i) => {
      const specialization = new Specialization(`kind${i}`, kind);
      for (let n = 0; n < kind.core; n++) {
        this.#begin(specialization, new Agent(`core${i}_${n}`, true, true));
      }
      return specialization;
    });
  }

  /** From now on nothing goes wrong, no tenant comes, and all that is held back may start. */
  calmDown(): void {
    this.#quiet = true;
    this.enabled = true;
    for (const each of this.specializations) each.heldUntil = 0;
  }

  /** To the next check: in its turn, or before, because somebody asks for one. */
  advance(ms = this.#untilNextCheck()): void {
    this.now += ms;
    const { meddlingADay, sharedOneIn } = this.#scenario;
    if (!this.#quiet && this.#happens(meddlingADay, ms)) this.#meddle();
    let slots = 0;
    let used = 0;
    let waiting = 0;
    for (const each of this.specializations) {
      this.#liveOn(each);
      if (!this.#quiet && this.#happens(each.kind.deathsADay, ms)) this.#kill(each);
      const demand = this.#demand(each, ms);
      const running = each.running;
      this.#spread(each, running === 0 ? 0 : Math.min(1, demand / running));
      each.excess = Math.ceil(Math.max(0, demand - running));
      slots += running;
      used += Math.min(running, demand);
      each.utilization = running === 0 ? 0 : Math.min(1, demand / running);
      waiting += each.excess;
      this.#tellHowMany(each);
    }
    this.utilization = slots === 0 ? 0 : used / slots;
    this.queued = waiting;
    const shared = sharedOneIn === 0 ? 0 : Math.floor(waiting / sharedOneIn);
    // Those that anybody can serve are wanted of each.
    for (const each of this.specializations) each.wanted = Math.max(each.excess, shared);
  }

  #untilNextCheck(): number {
    const asked = this.#random() < 0.05;
    return asked
      ? Math.ceil(this.#random() * this.#scenario.intervalMs)
      : this.#scenario.intervalMs;
  }

  apply({ actions }: ScalingDecision): void {
    for (const action of actions) {
      const specialization = this.specializations.find(
        ({ name }) => name === action.specialization,
      );
      if (specialization === undefined) throw new Error(`no ${action.specialization}`);
      this.#carryOut(specialization, action);
    }
  }

  #carryOut(specialization: Specialization, action: ScalingAction): void {
    if (action.type === 'scale_up') {
      specialization.lastUpAt = this.now;
      this.#begin(specialization, this.#newAgent(specialization, true));
      return;
    }
    const agent = specialization.agents.find(({ id }) => id === action.agent);
    if (agent === undefined) throw new Error(`no ${action.agent}`);
    if (action.type === 'scale_down') {
      specialization.lastDownAt = this.now;
      agent.phase = 'draining';
      agent.until = this.now + specialization.kind.drainMs * this.#random();
      return;
    }
    specialization.agents.splice(specialization.agents.indexOf(agent), 1);
    const next = action.sameId ? agent : this.#newAgent(specialization, true);
    this.#begin(specialization, next);
  }

  #newAgent(specialization: Specialization, managed: boolean): Agent {
    const number = ++specialization.named;
    return new Agent(`${managed ? 'agent' : 'guest'}_${number}`, false, managed);
  }

  #begin(specialization: Specialization, agent: Agent): void {
    const { bootMs, failsOneIn } = specialization.kind;
    agent.phase = 'starting';
    agent.misses = 0;
    agent.lostBecause = undefined;
    agent.until = this.now + bootMs * (0.5 + this.#random());
    agent.fails = !this.#quiet && failsOneIn > 0 && this.#random() < 1 / failsOneIn;
    specialization.agents.push(agent);
  }

  #liveOn(each: Specialization): void {
    let gone = false;
    for (const agent of each.agents) {
      if (agent.phase === 'running' || agent.until > this.now) continue;
      if (agent.phase === 'draining') gone = true;
      else if (agent.phase === 'lost') {
        // An agent from outside, which comes back by itself.
        if (!agent.managed) agent.phase = 'running';
      } else if (agent.fails) {
        agent.phase = 'lost';
        agent.lostBecause = 'Process exited: code 1';
        this.#holdBack(each);
      } else {
        agent.phase = 'running';
        each.failures = 0;
      }
    }
    if (!gone) return;
    each.agents = each.agents.filter(
      ({ phase, until }) => phase !== 'draining' || until > this.now,
    );
  }

  #holdBack(each: Specialization): void {
    each.failures++;
    const checks = each.failures < 4 ? each.failures : 20;
    each.heldUntil = this.now + checks * this.#scenario.intervalMs * this.#random();
  }

  #tellHowMany(each: Specialization): void {
    let taken = each.kind.core;
    for (const { managed, protected: core, phase } of each.agents) {
      // Lost agents let go of their port: if they kept it, they could take the last one with them.
      if (managed && !core && phase !== 'lost') taken++;
    }
    each.startable = Math.max(0, each.kind.ports - taken);
    const left = Math.ceil((each.heldUntil - this.now) / 1000);
    if (left > 0)
      each.blocked = `${each.failures < 4 ? 'backing off' : 'quarantined'} ${left} s left`;
    else each.blocked = each.startable === 0 ? 'ports exhausted' : null;
  }

  #kill(each: Specialization): void {
    const agent = each.agents[Math.floor(this.#random() * each.agents.length)];
    if (agent?.phase !== 'running') return;
    agent.phase = 'lost';
    agent.misses = this.policy.unhealthyThreshold;
    agent.until = this.now + HOUR * this.#random();
    if (this.#random() < 0.5) agent.lostBecause = 'Process exited: signal SIGKILL';
  }

  #demand(each: Specialization, ms: number): number {
    if (this.#quiet) return 0;
    const { demand, swing, peakHour, burstsADay } = each.kind;
    if (this.#happens(burstsADay, ms)) {
      each.burst = (1 + demand) * this.#random() * 3;
      each.burstUntil = this.now + 3 * HOUR * this.#random();
    }
    const burst = each.burstUntil > this.now ? each.burst : 0;
    const hours = this.now / HOUR - peakHour;
    const byHour = 1 + swing * Math.cos((hours * Math.PI) / 12);
    return Math.max(0, demand * byHour * (0.8 + 0.4 * this.#random()) + burst);
  }

  /** About the average for each, more for the old ones. */
  #spread(each: Specialization, average: number): void {
    let load = Math.min(1, average * 1.1);
    for (const agent of each.agents) {
      if (agent.phase !== 'running') continue;
      agent.load = load;
      load = Math.max(0, Math.min(1, 2 * average - load));
    }
  }

  #meddle(): void {
    const each = this.specializations[Math.floor(this.#random() * this.specializations.length)];
    const what = this.#random();
    if (!this.enabled || what < 0.2) this.enabled = !this.enabled;
    else if (what < 0.5) each.max = Math.floor(this.#random() * (each.kind.max + 2));
    else if (what < 0.8) each.min = Math.floor(this.#random() * (each.kind.min + 2));
    else {
      const guest = this.#newAgent(each, false);
      guest.phase = 'running';
      each.agents.push(guest);
    }
  }

  #happens(aDay: number, ms: number): boolean {
    return aDay > 0 && this.#random() < (aDay * ms) / DAY;
  }
}
