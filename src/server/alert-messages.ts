/** Alerts in words: what is wrong, in figures, and what would help. */
import type { Figures } from './alerts.ts';

export function highMessage(figures: Figures): string {
  const { specialization, utilization, threshold, requests, wanted, missing } = figures;
  const wait = `${counted(requests, 'request waits', 'requests wait')} for ${counted(wanted, 'agent', 'agents')}`;
  const help = counted(missing, 'more agent', 'more agents');
  return `Utilization of ${specialization} is high: ${percent(utilization)} of its slots are taken (threshold ${percent(threshold)}) and ${wait}. About ${help} would serve them. ${remedy(figures)}`;
}

function remedy({ specialization, kind, isScaling }: Figures): string {
  if (kind === null) {
    return 'They are not started from here: register more (POST /v1/agents).';
  }
  if (!isScaling) return 'The autoscaler is off: remuda autoscaler enable.';
  if (kind.blocked !== null) return `None can be started: ${kind.blocked}.`;
  if (kind.managed >= kind.max) {
    return `All ${kind.max} that may be started are there: raise multi_agent.autoscaling.max_agents_per_type, or register more of ${specialization}.`;
  }
  return 'They can be started from here: remuda autoscaler check starts them, or says why not.';
}

export function lowMessage({ specialization, utilization, threshold, spare }: Figures): string {
  return `Utilization of ${specialization} is low: ${percent(utilization)} of its slots are taken (threshold ${percent(threshold)}). About ${counted(spare, 'registered agent', 'registered agents')} could be retired; that is never done from here.`;
}

export function blockedMessage({ specialization, kind }: Figures): string {
  const why = (kind?.blocked ?? 'nothing was in the way when last seen').replace(/\.$/, '');
  return `Agents of ${specialization} cannot be started: ${why}. See remuda autoscaler events and the log of the pool.`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`;
}
