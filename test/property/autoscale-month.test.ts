/**
 * Months of load under random policies. After each check the promises are held against what this
 * file itself remembers, not against what the autoscaler was told about the past.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decideScaling,
  type ScalingAction,
  type ScalingDecision,
  type ScalingPolicy,
} from '../../src/core/autoscale.ts';
import {
  DAY,
  HOUR,
  type Kind,
  MINUTE,
  ScalingWorld,
  type Scenario,
  type Specialization,
} from './autoscale-world.ts';
import { numberOfRuns } from './scripts.ts';

const MONTHS = 10_000;
const MONTH_DAYS = 30;

/** A month of checks a minute is 43,200 of them: a few such months, and many with fewer checks. */
const intervalMs = fc.oneof(
  { weight: 1, arbitrary: fc.constant(MINUTE) },
  { weight: 9, arbitrary: fc.constant(10 * MINUTE) },
  { weight: 60, arbitrary: fc.constantFrom(HOUR, 61 * MINUTE) },
  { weight: 180, arbitrary: fc.constantFrom(2 * HOUR, 3 * HOUR + 7) },
);

/** Times are those of the intervals: what matters is how many checks they last. */
const checks = fc.constantFrom(0, 0.5, 1, 1.5, 2, 5, 10, 24);

const kind = (interval: number): fc.Arbitrary<Kind> =>
  fc.record({
    min: fc.constantFrom(0, 1, 1, 1, 2, 3),
    max: fc.constantFrom(1, 2, 3, 5, 5, 5, 8, 12),
    core: fc.constantFrom(0, 0, 1, 1, 2),
    ports: fc.constantFrom(2, 4, 6, 50, 50, 50),
    bootMs: fc.constantFrom(0, 1, 3).map((n) => n * interval),
    drainMs: fc.constantFrom(0, 1, 5, 20).map((n) => n * interval),
    failsOneIn: fc.constantFrom(0, 2, 5, 20),
    deathsADay: fc.constantFrom(0, 0.1, 1, 5),
    demand: fc.constantFrom(0, 0.5, 1, 2, 3, 5),
    swing: fc.constantFrom(0, 0.5, 1),
    peakHour: fc.nat(23),
    burstsADay: fc.constantFrom(0, 0.1, 1),
  });

const policy = (interval: number): fc.Arbitrary<ScalingPolicy> =>
  fc.record({
    scaleUpThreshold: fc.constantFrom(0.75, 0.75, 0.5, 0.9),
    scaleDownThreshold: fc.constantFrom(0.25, 0.25, 0.1, 0.5),
    scaleUpCooldownMs: checks.map((n) => n * interval),
    scaleDownCooldownMs: checks.map((n) => n * interval),
    unhealthyThreshold: fc.constantFrom(1, 3),
    utilizationHigh: fc.constantFrom(0.9, 0.9, 0.6, 1),
    utilizationLow: fc.constant(0.3),
  });

const scenario: fc.Arbitrary<Scenario> = intervalMs.chain((interval) =>
  fc.record({
    seed: fc.integer(),
    // Nearly all of them a whole month; the others let a failure shrink to fewer days.
    days: fc.integer({ min: 1, max: 100 * MONTH_DAYS }).map((n) => Math.min(n, MONTH_DAYS)),
    intervalMs: fc.constant(interval),
    policy: policy(interval),
    kinds: fc.array(kind(interval), { minLength: 1, maxLength: 3 }),
    sharedOneIn: fc.constantFrom(0, 1, 2),
    meddlingADay: fc.constantFrom(0, 0, 0.1, 1),
  }),
);

/** When things happened to a specialization, as seen from outside. */
interface Past {
  load: number;
  up: number;
  down: number;
}

/** How reasons begin. All of them must come up, else a promise could be kept by its never counting. */
const REASONS = [
  ...['Missed heartbeats: ', 'Process exited: ', 'Below minimum: ', 'Above maximum: '],
  ...['High load: ', 'Low load: ', 'Utilization high: ', 'Requests waiting: '],
  ...['cooldown ', 'at max ', 'at min ', 'only protected agents left', 'ports exhausted'],
  ...['quarantined ', 'backing off ', 'disabled', 'waiting for ', 'load '],
  ...['no agent has reported yet', 'no agent is running and no request waits'],
  ...['enough agents are starting', 'agents of other specializations are starting'],
];

/** What holds even those back that need no new port. */
const HELD = /^(quarantined|backing off)/;

/** Whether a comparison is true as it is printed. */
function isTrue(reason: string): boolean {
  const [, left, sign, right] = /: ([\d.]+) ([<>]=?) ([\d.]+)/.exec(reason) ?? [];
  const difference = Number(left) - Number(right);
  if (sign === '>=') return difference >= 0;
  return sign === '<' ? difference < 0 : sign === undefined || difference > 0;
}

class Watch {
  readonly world: ScalingWorld;
  readonly #unseen: Set<string>;
  readonly #past = new Map<string, Past>();

  constructor(world: ScalingWorld, unseen: Set<string>) {
    this.world = world;
    this.#unseen = unseen;
  }

  check(): void {
    const decision = decideScaling(this.world);
    const { actions } = decision;
    for (const each of this.world.specializations) {
      const own =
        actions.length === 0
          ? actions
          : actions.filter(({ specialization }) => specialization === each.name);
      this.#says(each, own, decision);
      if (own.length > 0) this.#acts(each, own);
      else this.#rests(each);
    }
    this.#sharesTheQueue(actions);
    this.world.apply(decision);
  }

  #says(each: Specialization, own: readonly ScalingAction[], { skipped }: ScalingDecision): void {
    let lines = 0;
    for (const { specialization, reason } of skipped) {
      if (specialization !== each.name) continue;
      lines++;
      if (reason === '') this.#fail(each, 'an empty reason');
      this.#note(reason);
    }
    if (lines > 1) this.#fail(each, 'several reasons');
    if (lines + own.length === 0) this.#fail(each, 'neither acts nor says why not');
  }

  #acts(each: Specialization, own: readonly ScalingAction[]): void {
    const { now, policy, enabled } = this.world;
    const past = this.#past.get(each.name) ?? { load: -1e99, up: -1e99, down: -1e99 };
    this.#past.set(each.name, past);
    const since = { load: now - past.load, up: now - past.up, down: now - past.down };
    const seen = new Set<string>();
    let count = each.running + each.agents.filter(({ phase }) => phase === 'starting').length;
    let started = 0;
    let removed = 0;
    for (const action of own) {
      const { type, reason } = action;
      this.#note(reason);
      if (!isTrue(reason)) this.#fail(each, `says ${reason}`);
      if (type === 'scale_up') {
        const byLoad = /^(High load|Utilization high)/.test(reason);
        const late = Math.min(since.load, since.up) >= policy.scaleUpCooldownMs;
        if (byLoad && !late) this.#fail(each, 'scale-up within the cooldown');
        if (byLoad) past.load = now;
        past.up = now;
        count++;
        started++;
        continue;
      }
      const agent = each.agents.find(({ id }) => id === action.agent);
      if (agent === undefined) throw new Error(`no agent ${action.agent}`);
      if (seen.has(agent.id)) this.#fail(each, 'one agent twice');
      seen.add(agent.id);
      if (type === 'scale_down') {
        const late = Math.min(since.up, since.down) >= policy.scaleDownCooldownMs;
        if (!late) this.#fail(each, 'scale-down within a cooldown');
        if (agent.protected) this.#fail(each, 'a protected agent leaves');
        if (agent.phase !== 'running') this.#fail(each, `an agent leaves that is ${agent.phase}`);
        past.down = now;
        count--;
        removed++;
        continue;
      }
      if (agent.phase !== 'lost' || !agent.managed) this.#fail(each, 'replaced without need');
      if (action.sameId !== agent.protected) this.#fail(each, 'comes back under the wrong id');
      if (!agent.protected) started++;
      else if (HELD.test(each.blocked ?? '')) this.#fail(each, `comes back, ${each.blocked}`);
      count++;
    }
    if (started > 0 && count > each.max) this.#fail(each, `${count} agents, above the maximum`);
    if (removed > 0 && count < Math.min(each.min, each.max)) this.#fail(each, 'below the minimum');
    if (removed > 0 && own.length > 1) this.#fail(each, 'up and down at once');
    if (started > each.startable) this.#fail(each, `${started} starts, more than possible`);
    if (started > 0 && each.blocked !== null) this.#fail(each, `starts although ${each.blocked}`);
    if (!enabled && own.some((action) => !('sameId' in action && action.sameId))) {
      this.#fail(each, 'acts although switched off');
    }
  }

  /** What must not be left undone. */
  #rests(each: Specialization): void {
    const { enabled } = this.world;
    const held = HELD.test(each.blocked ?? '');
    let count = 0;
    for (const { phase, managed, protected: stays } of each.agents) {
      if (phase === 'starting' || phase === 'running') count++;
      if (phase === 'lost' && managed && stays && !held) this.#fail(each, 'no protected agent');
    }
    const free = enabled && each.blocked === null && each.startable > 0 && count < each.max;
    if (free && count < each.min) this.#fail(each, 'too few, and none comes');
    if (free && each.agents.some(({ phase, managed }) => phase === 'lost' && managed)) {
      this.#fail(each, 'a lost agent is not replaced');
    }
  }

  /** For one request that several can serve, no more than one agent is started. */
  #sharesTheQueue(actions: readonly ScalingAction[]): void {
    let forQueue = 0;
    for (const { reason } of actions) if (reason.startsWith('Utilization high')) forQueue++;
    if (forQueue === 0) return;
    let coming = 0;
    for (const { agents, wanted } of this.world.specializations) {
      if (wanted > 0) coming += agents.filter(({ phase }) => phase === 'starting').length;
    }
    const { queued, specializations } = this.world;
    if (forQueue > queued - coming) this.#fail(specializations[0], 'more starts than requests');
  }

  #note(reason: string): void {
    for (const each of this.#unseen) if (reason.startsWith(each)) this.#unseen.delete(each);
  }

  #fail(each: Specialization, what: string): void {
    const { now, policy, utilization, queued, enabled } = this.world;
    const state = { now, policy, utilization, queued, enabled, each };
    throw new Error(`${each.name}: ${what}\n${JSON.stringify(state, null, 1)}`);
  }
}

/** Without tenants and faults, all leave but those whom the minimum or protection keeps. */
function emptiesOut(watch: Watch): void {
  const { world } = watch;
  world.calmDown();
  const patience = world.policy.scaleDownCooldownMs + 100 * DAY;
  for (let i = 0; i < 200; i++) {
    world.advance(patience);
    watch.check();
  }
  for (const each of world.specializations) {
    const { running, min, max, kind } = each;
    const kept = Math.max(Math.min(min, max), kind.core);
    const possible = Math.min(kept, Math.max(kind.ports, kind.core));
    expect(running, `${each.name} after all is quiet`).toBeLessThanOrEqual(kept);
    expect(running, `${each.name} after all is quiet`).toBeGreaterThanOrEqual(possible);
  }
}

function play(given: Scenario, unseen: Set<string>): void {
  const world = new ScalingWorld(given);
  const watch = new Watch(world, unseen);
  const end = world.now + given.days * DAY;
  while (world.now < end) {
    world.advance();
    watch.check();
  }
  emptiesOut(watch);
}

test('months of load keep every promise', { timeout: numberOfRuns(300_000) }, () => {
  const unseen = new Set(REASONS);
  fc.assert(
    fc.property(scenario, (given) => play(given, unseen)),
    { numRuns: numberOfRuns(MONTHS) },
  );
  if (numberOfRuns(MONTHS) >= 1_000) expect([...unseen]).toEqual([]);
});
