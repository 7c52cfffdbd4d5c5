import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AgentSample, decideScaling as decideCheck } from '../../core/autoscale.ts';
import { Trace } from '../replay/trace.ts';
import { chooseAgents } from './affinity.ts';
import { LeastRecentlyUsed, ScoredByPool } from './choosers.ts';
import { FixedKeep, PressureKeep } from './keep-policy.ts';
import { decideKeepalive } from './keepalive.ts';
import { ActiveMinutes } from './minutes.ts';
import { decideScaling } from './scaling.ts';
import { SteeredFleet } from './steered-fleet.ts';
import { thresholdStrategy } from './threshold.ts';

const tenants = (...numbers: number[]) => Int32Array.from(numbers);
const keeps = (policy: PressureKeep, minute: number, ...who: number[]) =>
  policy.decide(minute, tenants(...who)).map(({ keep }) => keep);

/** 15 minutes: double where nothing is held, 5 where everything is. */
function bentTimeout(utilization: number): number {
  if (utilization < 0.5) return 30 - 30 * utilization;
  if (utilization < 0.8) return 15;
  return utilization < 1 ? 15 - 50 * (utilization - 0.8) : 5;
}

describe('PressureKeep', () => {
  it('keeps longer while few agents are held, and shorter while nearly all are', () => {
    expect(keeps(new PressureKeep(15, 10), 0, 1)).toEqual([27]); // 10 % held: 15 × 1.8
    expect(keeps(new PressureKeep(15, 10), 0, 1, 2, 3, 4, 5, 6)).toEqual(Array(6).fill(15));
    expect(keeps(new PressureKeep(15, 10), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)).toEqual(
      Array(9).fill(10),
    );
    expect(keeps(new PressureKeep(15, 2), 0, 1, 2, 3)).toEqual([5, 5, 5]);
  });

  it('counts agents that are kept until their time is over', () => {
    const policy = new PressureKeep(15, 2);
    expect(keeps(policy, 0, 1)).toEqual([15]); // half are held: as it is
    expect(keeps(policy, 1, 2)).toEqual([5]); // the agent of the first is still there
    expect(keeps(policy, 15, 2)).toEqual([5]); // in its last minute
    expect(keeps(policy, 16, 2)).toEqual([15]);
    expect(keeps(policy, 31, 1)).toEqual([5]);
    expect(keeps(policy, 32, 1)).toEqual([15]);
  });

  it('takes the most that were held so far for all agents where none are given', () => {
    const policy = new PressureKeep(15, null);
    expect(keeps(policy, 0, 1, 2, 3, 4)).toEqual([5, 5, 5, 5]);
    expect(keeps(policy, 100, 1)).toEqual([22]); // a quarter: 15 × 1.5
  });

  it('counts each tenant once, active or kept', () => {
    fc.assert(
      fc.property(timelines, fc.integer({ min: 1, max: 9 }), (rows, agents) => {
        const active = minutesOf(rows.toSorted(([a], [b]) => a - b));
        const { keep } = decideKeepalive(active, new PressureKeep(15, agents));
        for (const [index, kept] of keep.entries()) {
          const minute = active.minute[index];
          const held = new Set(active.tenant.filter((_, at) => active.minute[at] === minute));
          for (const [at, tenant] of active.tenant.entries()) {
            if (active.minute[at] >= minute) break;
            const isLast = !active.tenant.some((other, later) => {
              return later > at && other === tenant && active.minute[later] < minute;
            });
            if (isLast && active.minute[at] + keep[at] >= minute) held.add(tenant);
          }
          expect(kept).toBe(Math.floor(bentTimeout(held.size / agents) + 1e-9));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('never prewarms', () => {
    expect(new FixedKeep(7).decide(0, tenants(1))).toEqual([{ prewarmAfter: 0, keep: 7 }]);
    expect(new PressureKeep(7, 2).decide(0, tenants(1))).toEqual([{ prewarmAfter: 0, keep: 7 }]);
  });
});

const timelines = fc.array(fc.tuple(fc.nat({ max: 60 }), fc.nat({ max: 9 })), {
  minLength: 2,
  maxLength: 80,
});

function minutesOf(rows: readonly (readonly [number, number])[]): ActiveMinutes {
  const trace = new Trace();
  for (const [minute, who] of rows) trace.add({ at: minute * 60_000, tenant: `${who}` });
  return new ActiveMinutes(trace);
}

describe('decisions', () => {
  it('depend on nothing that comes after their minute', async () => {
    await fc.assert(
      fc.asyncProperty(timelines, fc.integer({ min: 1, max: 60 }), async (rows, end) => {
        const sorted = rows.toSorted(([a], [b]) => a - b);
        const [whole, part] = [minutesOf(sorted), minutesOf(sorted.filter(([at]) => at < end))];
        for (const agents of [null, 5]) {
          const [all, some] = [whole, part].map((active) => {
            return decideKeepalive(active, new PressureKeep(15, agents)).keep;
          });
          expect(all.subarray(0, part.length)).toEqual(some);
        }
        for (const Chooser of [LeastRecentlyUsed, ScoredByPool]) {
          const all = await chooseAgents(whole, new Chooser(4), 0);
          expect(all.subarray(0, part.length)).toEqual(await chooseAgents(part, new Chooser(4), 0));
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Agents as the autoscaler samples them, one by one. */
function sampled(running: number, starting: number, load: number): AgentSample[] {
  const alike = { protected: false, misses: 0, managed: true };
  return [
    ...Array.from({ length: running }, (_, n) => {
      return { ...alike, id: `agent_${n}`, load, phase: 'running' as const };
    }),
    ...Array.from({ length: starting }, (_, n) => {
      return { ...alike, id: `new_${n}`, load: 0, phase: 'starting' as const };
    }),
  ];
}

describe('thresholdStrategy', () => {
  it('does what the autoscaler does with every agent sampled', () => {
    const demands = fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(demands, (levels) => {
        const demand = Float64Array.from(levels.flatMap((level) => Array(25).fill(level)));
        const desired = decideScaling(demand, 5, thresholdStrategy());
        const fleet = new SteeredFleet(demand, 5);
        let [lastUpAt, lastDownAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
        for (const [minute, wanted] of desired.entries()) {
          fleet.begin(minute);
          const { running, starting } = fleet;
          const load = running === 0 ? 0 : Math.min(1, demand[minute] / running);
          const needed = running + starting === 0 ? demand[minute] : 0;
          const { actions } = decideCheck({
            enabled: true,
            policy: {
              scaleUpThreshold: 0.75,
              scaleDownThreshold: 0.25,
              scaleUpCooldownMs: 300_000,
              scaleDownCooldownMs: 600_000,
              unhealthyThreshold: 3,
              utilizationHigh: 0.9,
              utilizationLow: 0.3,
            },
            now: minute * 60_000,
            utilization: load,
            queued: needed,
            specializations: [
              {
                name: 'general',
                min: 0,
                max: 1_000,
                lastUpAt,
                lastDownAt,
                agents: sampled(running, starting, load),
                startable: 100,
                blocked: null,
                wanted: needed,
                utilization: load,
              },
            ],
          });
          const step = wanted - running - starting;
          expect(actions.map(({ type }) => type)).toEqual(
            step === 0 ? [] : [step > 0 ? 'scale_up' : 'scale_down'],
          );
          expect(Math.abs(step)).toBeLessThanOrEqual(1);
          if (step > 0) lastUpAt = minute * 60_000;
          if (step < 0) lastDownAt = minute * 60_000;
          fleet.steer(minute, wanted);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('waits for its cooldowns and for agents that are starting', () => {
    const demand = new Float64Array(12).fill(9);
    expect([...decideScaling(demand, 5, thresholdStrategy())]).toEqual(
      [11, 11, 11, 11, 11, 12, 12, 12, 12, 12, 12, 12], // 9 of 11 is 82 %, 9 of 12 is not above 75 %
    );
    const falling = Float64Array.from({ length: 14 }, (_, minute) => (minute === 0 ? 9 : 0));
    expect([...decideScaling(falling, 5, thresholdStrategy())]).toEqual(
      [11, 11, 11, 11, 11, 11, 11, 11, 11, 11, 10, 10, 10, 10], // 10 min after the last addition
    );
  });

  it('starts the first agent at once when somebody needs one', () => {
    const demand = Float64Array.from({ length: 40 }, (_, minute) => (minute < 30 ? 0 : 1));
    const desired = decideScaling(demand, 5, thresholdStrategy());
    expect([...desired.subarray(28, 33)]).toEqual([0, 0, 1, 1, 1]);
  });
});
