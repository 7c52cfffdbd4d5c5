/**
 * Single checks of the autoscaler, against a naive twin. The twin computes how many agents come
 * and go from lists and exact fractions; the autoscaler counts as it goes along.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type AgentSample,
  decideScaling,
  type ScalingAction,
  type ScalingInput,
  type ScalingPolicy,
  type SpecializationSample,
} from '../../src/core/autoscale.ts';
import { START as NOW, numberOfRuns } from './scripts.ts';

const SECOND = 1_000;
const UP_COOLDOWN = 300 * SECOND;
const DOWN_COOLDOWN = 600 * SECOND;

const hundredths = (max: number) => fc.integer({ min: 0, max }).map((n) => n / 100);
const seldom = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const ago = (cooldownMs: number) =>
  fc.oneof(
    fc.constant(Number.NEGATIVE_INFINITY),
    fc.constantFrom(0, 1, cooldownMs - 1, cooldownMs, cooldownMs + 1).map((ms) => NOW - ms),
    fc.nat(2 * cooldownMs).map((ms) => NOW - ms),
  );

/** Loads in the middle, at the edges, of all kinds: averages meet thresholds exactly, often. */
const load = fc.oneof(
  hundredths(100),
  fc.constantFrom(0, 0, 0, 1, 1),
  fc.constantFrom(0, 0.1, 0.2, 0.7, 0.25, 0.75, 1, Number.NaN, Number.POSITIVE_INFINITY),
);

const agent: fc.Arbitrary<AgentSample> = fc.record({
  id: fc.constantFrom(
    ...['r_1', 'r_2', 'r_9', 'r_10', 'r_11', 's_9', 's_10', 'core', 'x', 'r_3b', 'r_7_1'],
  ),
  load,
  phase: fc.constantFrom(
    ...(['running', 'running', 'running', 'running', 'starting', 'draining', 'lost'] as const),
  ),
  protected: seldom(false, true),
  misses: fc.integer({ min: 3, max: 5 }),
  managed: seldom(true, false),
  lostBecause: seldom(undefined, 'Process exited: signal SIGKILL'),
});

const specialization = (name: string): fc.Arbitrary<SpecializationSample> =>
  fc.record({
    name: fc.constant(name),
    min: fc.constantFrom(0, 0, 1, 1, 2, 3, 6),
    max: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 8),
    lastUpAt: fc.oneof(ago(UP_COOLDOWN), ago(DOWN_COOLDOWN)),
    lastDownAt: ago(DOWN_COOLDOWN),
    agents: fc.uniqueArray(agent, { maxLength: 8, selector: ({ id }) => id }),
    startable: fc.constantFrom(0, 1, 2, 3, 50, 50, 50),
    blocked: seldom(null, 'ports exhausted', 'quarantined 212 s left', 'backing off 8 s left'),
    wanted: fc.constantFrom(0, 0, 1, 2, 3, 5, 9),
    utilization: fc.oneof(fc.constantFrom(0.9, 0.95, 1, 0.9001), hundredths(100)),
  });

const policy: fc.Arbitrary<ScalingPolicy> = fc.record({
  scaleUpThreshold: fc.oneof(fc.constant(0.75), hundredths(100)),
  scaleDownThreshold: fc.oneof(fc.constant(0.25), hundredths(100)),
  scaleUpCooldownMs: seldom(UP_COOLDOWN, 0),
  scaleDownCooldownMs: seldom(DOWN_COOLDOWN, 0),
  unhealthyThreshold: fc.constant(3),
  utilizationHigh: fc.constant(0.9),
  utilizationLow: fc.constant(0.3),
});

const input: fc.Arbitrary<ScalingInput> = fc.record({
  enabled: seldom(true, true, false),
  policy,
  now: fc.constant(NOW),
  utilization: fc.oneof(fc.constantFrom(0.9, 0.95, 1, 0.9001), hundredths(100)),
  queued: fc.constantFrom(0, 1, 2, 3, 5, 9, 20),
  specializations: fc.integer({ min: 1, max: 3 }).chain((length) => {
    const names = ['research', 'execution', 'analysis'].slice(0, length);
    return fc.tuple(...names.map(specialization));
  }),
});

/** Fractions in lines of the twin, of which the autoscaler prints as many digits as it takes. */
const exact = (fraction: number) => `⟨${fraction}⟩`;
/** Loads and thresholds as whole hundredths, so that sums of them are exact. */
const inHundredths = (fraction: number) =>
  Number.isFinite(fraction) ? Math.round(fraction * 100) : 0;

type Wish =
  | { readonly up: number; readonly reason: string }
  | { readonly down: string }
  | { readonly nothing: string };

/** One specialization in the twin: what it has counted, and what it expects to be told. */
interface Count {
  readonly sample: SpecializationSample;
  readonly min: number;
  count: number;
  starting: number;
  ports: number;
  readonly lines: string[];
  skipped: string | null;
}

class Twin {
  readonly counts: readonly Count[];
  readonly #given: ScalingInput;

  constructor(given: ScalingInput) {
    this.#given = given;
    this.counts = given.specializations.map((sample) => {
      const starting = sample.agents.filter(({ phase }) => phase === 'starting').length;
      const running = sample.agents.filter(({ phase }) => phase === 'running').length;
      const ports = sample.blocked === null ? sample.startable : 0;
      const min = Math.min(sample.min, sample.max);
      const count = starting + running;
      return { sample, min, count, starting, ports, lines: [], skipped: null };
    });
    for (const each of this.counts) this.#bringBack(each);
    for (const each of this.counts) {
      if (given.enabled) this.#fill(each);
    }
    for (const each of this.counts) {
      if (given.enabled) this.#carryOut(each, this.#wish(each));
      else if (each.lines.length === 0) each.skipped ??= 'disabled';
    }
  }

  #bringBack(each: Count): void {
    const { agents, blocked } = each.sample;
    const own = agents.filter((one) => one.phase === 'lost' && one.managed && one.protected);
    if (own.length > 0 && (blocked?.startsWith('q') || blocked?.startsWith('b'))) {
      each.skipped = blocked;
      return;
    }
    each.lines.push(...own.map((one) => `replace ${one.id} same ${whyLost(one)}`));
    each.count += own.length;
    each.starting += own.length;
  }

  #fill(each: Count): void {
    const lost = each.sample.agents.filter(
      (one) => one.phase === 'lost' && one.managed && !one.protected,
    );
    const line = (n: number, how: string) => `replace ${lost[n].id} ${how} ${whyLost(lost[n])}`;
    const others = each.sample.blocked === null ? Math.min(each.ports, lost.length) : lost.length;
    this.#start(each, others, (n) => line(n, 'other'));
    // Without another port they come back on their own.
    const back = Math.max(0, Math.min(lost.length - others, each.sample.max - each.count));
    each.lines.push(...Array.from({ length: back }, (_, n) => line(others + n, 'same')));
    each.count += back;
    each.starting += back;
    if (back < lost.length - others) each.skipped ??= `at max ${each.sample.max}`;
    const { min, count } = each;
    this.#start(each, min - count, (n) => `up Below minimum: ${count + n} < ${min}`);
  }

  /** Starts as many as possible; if that is not all, says why. */
  #start(each: Count, wished: number, line: (nth: number) => string): void {
    const { sample, count, ports } = each;
    const room = Math.max(0, sample.max - count);
    const number = Math.max(0, Math.min(wished, room, ports));
    each.lines.push(...Array.from({ length: number }, (_, nth) => line(nth)));
    each.count += number;
    each.starting += number;
    each.ports -= number;
    if (number >= wished) return;
    const noPorts = sample.blocked ?? 'ports exhausted';
    each.skipped ??= number === room ? `at max ${sample.max}` : noPorts;
  }

  #wish({ sample, min, count, starting, lines }: Count): Wish {
    const { queued, policy } = this.#given;
    const { max, wanted, agents } = sample;
    // The pool is short, or this kind of agent is.
    const utilization = Math.max(this.#given.utilization, sample.utilization);
    if (count < min) return { nothing: 'too few, and none can be started' };
    if (count > max) return { down: `Above maximum: ${count} > ${max}` };

    const pressed = utilization > policy.utilizationHigh && queued > 0 && wanted > 0;
    const others = this.counts.filter((one) => one.sample.wanted > 0);
    const coming = others.reduce((sum, one) => sum + one.starting, 0);
    const lacking = Math.min(wanted - starting, queued - coming);
    if (pressed && lacking > 0) {
      const high = `${exact(utilization)} > ${exact(policy.utilizationHigh)}`;
      return { up: lacking, reason: `Utilization high: ${high}, ${queued} waiting` };
    }
    if (lines.some((line) => line.startsWith('up'))) return { nothing: 'filled up' };
    if (count === 0) return this.#first(wanted, others);
    const loads = agents.filter((one) => one.phase === 'running').map((one) => one.load);
    if (loads.length === 0) return { nothing: 'no agent has reported yet' };

    // Sum against n times the threshold: exact, as the average itself cannot be.
    const sum = loads.reduce((total, each) => total + inHundredths(each), 0);
    const average = exact(sum / loads.length / 100);
    const [lower, upper] = [policy.scaleDownThreshold, policy.scaleUpThreshold];
    if (sum > inHundredths(upper) * loads.length) {
      return { up: 1, reason: `High load: ${average} > ${exact(upper)}` };
    }
    if (pressed) return { nothing: 'enough agents are starting for the requests that wait' };
    if (sum < inHundredths(lower) * loads.length) {
      return { down: `Low load: ${average} < ${exact(lower)}` };
    }
    return { nothing: `load ${average} is between ${exact(lower)} and ${exact(upper)}` };
  }

  #first(wanted: number, others: readonly Count[]): Wish {
    const served = others.map((one) => Math.min(one.starting, one.sample.wanted));
    const all = served.reduce((sum, one) => sum + one, 0);
    if (wanted === 0) return { nothing: 'no agent is running and no request waits' };
    if (all < this.#given.queued || all < wanted) {
      return { up: 1, reason: `Requests waiting: ${wanted}` };
    }
    return { nothing: 'agents of other specializations are starting for the requests that wait' };
  }

  #carryOut(each: Count, wish: Wish): void {
    const idle = each.lines.length === 0;
    if ('up' in wish) {
      const { sample, count, ports } = each;
      const left = secondsLeft(sample.lastUpAt, this.#given.policy.scaleUpCooldownMs);
      const cooling = left > 0 && !wish.reason.startsWith('Requests waiting');
      if (cooling && sample.max > count && ports > 0) each.skipped ??= `cooldown ${left} s left`;
      else this.#start(each, wish.up, () => `up ${wish.reason}`);
    } else if ('down' in wish && idle) {
      const reason = this.#whyNobodyLeaves(each);
      if (reason !== null) each.skipped ??= reason;
      else each.lines.push(`down ${leavers(each.sample)[0].id} ${wish.down}`);
    } else if ('nothing' in wish && idle) {
      each.skipped ??= wish.nothing;
    }
  }

  #whyNobodyLeaves({ sample, min, count }: Count): string | null {
    const coming = sample.agents.find(({ phase }) => phase === 'starting');
    const { scaleDownCooldownMs } = this.#given.policy;
    const left = Math.max(
      secondsLeft(sample.lastUpAt, scaleDownCooldownMs),
      secondsLeft(sample.lastDownAt, scaleDownCooldownMs),
    );
    if (count <= min) return `at min ${min}`;
    if (coming !== undefined) return `waiting for ${coming.id} to start`;
    if (leavers(sample).length === 0) return 'only protected agents left';
    return left > 0 ? `cooldown ${left} s left` : null;
  }
}

function whyLost({ lostBecause, misses }: AgentSample): string {
  return lostBecause ?? `Missed heartbeats: ${misses} >= 3`;
}

function secondsLeft(since: number, cooldownMs: number): number {
  return Math.max(0, Math.ceil((since + cooldownMs - NOW) / SECOND));
}

function leavers({ agents }: SpecializationSample): readonly AgentSample[] {
  const number = ({ id }: AgentSample) => Number(id.match(/\d+/g)?.at(-1) ?? -1);
  return agents
    .filter((one) => one.phase === 'running' && !one.protected)
    .sort(
      (a, b) =>
        inHundredths(a.load) - inHundredths(b.load) ||
        number(b) - number(a) ||
        (a.id > b.id ? -1 : 1),
    );
}

function lineOf(action: ScalingAction): string {
  if (action.type === 'scale_up') return `up ${action.reason}`;
  if (action.type === 'scale_down') return `down ${action.agent} ${action.reason}`;
  return `replace ${action.agent} ${action.sameId ? 'same' : 'other'} ${action.reason}`;
}

/** The text must be the twin's, and what it prints of fractions must be true. */
function expectSame(text: string, twin: string): void {
  const fractions = [...twin.matchAll(/⟨(.*?)⟩/g)].map(([, digits]) => Number(digits));
  const printed = fractions.length === 0 ? [] : (text.match(/\d+\.\d+/g) ?? []);
  let rest = text;
  for (const number of printed) rest = rest.replace(number, '⟨⟩');
  expect(rest).toBe(twin.replace(/⟨.*?⟩/g, '⟨⟩'));
  for (const [i, number] of printed.entries()) {
    expect(number).toMatch(/\.\d\d(\d*[1-9])?$/);
    // What is printed is the number itself, rounded at its last digit.
    const error = Math.abs(Number(number) - fractions[i]);
    expect(error).toBeLessThanOrEqual(0.5000001 * 10 ** -number.split('.')[1].length);
  }
  const sign = /⟨⟩ ([<>]) ⟨⟩/.exec(rest)?.[1];
  if (sign === undefined) {
    for (const number of printed) expect(number).toMatch(/\.\d\d$/);
    return;
  }
  const isTrue = ([a, b]: readonly string[]) =>
    sign === '<' ? Number(a) < Number(b) : Number(a) > Number(b);
  expect(printed).toSatisfy(isTrue);
  const short = fractions.map((fraction) => fraction.toFixed(2));
  if (isTrue(short)) expect(printed).toEqual(short);
}

test('a check decides what a naive twin decides', { timeout: numberOfRuns(60_000) }, () => {
  forEachInput(20_000, (given) => {
    const { actions, skipped } = decideScaling(given);
    for (const { sample, ...twin } of new Twin(given).counts) {
      const own = actions.filter((each) => each.specialization === sample.name).map(lineOf);
      const skips = skipped.filter((each) => each.specialization === sample.name);
      const told = [...own, ...skips.map(({ reason }) => `skipped ${reason}`)];
      const expected = [...twin.lines];
      if (twin.skipped !== null) expected.push(`skipped ${twin.skipped}`);
      expect(told.length, `${told}; expected ${expected}`).toBe(expected.length);
      for (const [i, line] of told.entries()) expectSame(line, expected[i]);
    }
  });
});

test('the input is not touched, and gives the same decision again', () => {
  forEachInput(500, (given) => {
    const before = structuredClone(given);
    const decision = decideScaling(given);
    expect(given).toEqual(before);
    expect(decideScaling(before)).toEqual(decision);
  });
});

function forEachInput(usualRuns: number, check: (given: ScalingInput) => void): void {
  fc.assert(fc.property(input, check), { numRuns: numberOfRuns(usualRuns) });
}
