/**
 * The autoscaler's own rule as a strategy: one agent more above the upper threshold, one less below
 * the lower one, with its cooldowns. All agents carry the same load, so one running and one starting
 * agent stand for all of them; the number counts only against limits, and here there are none.
 */
import { type AgentSample, decideScaling, type ScalingPolicy } from '../../core/autoscale.ts';
import { msOf } from './minutes.ts';
import type { ScalingMoment, ScalingStrategy } from './scaling.ts';

/** The defaults of multi_agent.autoscaling. */
const POLICY: ScalingPolicy = {
  scaleUpThreshold: 0.75,
  scaleDownThreshold: 0.25,
  scaleUpCooldownMs: 300_000,
  scaleDownCooldownMs: 600_000,
  unhealthyThreshold: 3,
  utilizationHigh: 0.9,
  utilizationLow: 0.3,
};

const NAME = 'general';
const ALIKE = { protected: false, misses: 0, managed: true } as const;

export function thresholdStrategy(): ScalingStrategy {
  let lastUpAt = Number.NEGATIVE_INFINITY;
  let lastDownAt = Number.NEGATIVE_INFINITY;
  return ({ minute, demand, running, starting }: ScalingMoment): number => {
    const now = msOf(minute);
    const load = running === 0 ? 0 : Math.min(1, demand / running);
    const agents: AgentSample[] = [];
    if (running > 0) agents.push({ ...ALIKE, id: 'running', load, phase: 'running' });
    if (starting > 0) agents.push({ ...ALIKE, id: 'starting', load: 0, phase: 'starting' });
    // The rule knows no queue; only where nothing runs that could have a load, a request starts one.
    const wanted = agents.length === 0 ? Math.ceil(demand) : 0;
    const { actions } = decideScaling({
      ...{ enabled: true, policy: POLICY, now, utilization: load, queued: wanted },
      specializations: [
        {
          ...{ name: NAME, min: 0, max: Number.POSITIVE_INFINITY, lastUpAt, lastDownAt, agents },
          ...{ startable: 1, blocked: null, wanted, utilization: load },
        },
      ],
    });
    let desired = running + starting;
    for (const { type } of actions) {
      if (type === 'scale_up') {
        desired += 1;
        lastUpAt = now;
      } else if (type === 'scale_down') {
        desired -= 1;
        lastDownAt = now;
      }
    }
    return desired;
  };
}
