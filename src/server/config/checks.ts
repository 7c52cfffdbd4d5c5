/** What no single key can say: how settings must fit together, and what this version cannot do. */
import type { Config } from './schema.ts';

export interface Check {
  /** The settings that it reads; the first is the one that is blamed. */
  readonly reads: readonly string[];
  /** What is wrong, or null. Only called when all that it reads is valid in itself. */
  readonly test: (config: Config) => string | null;
}

const AUTOSCALING = 'multi_agent.autoscaling';
const RECLAIM = 'pool.reclaim';
const ALERTS = 'pool.alerts';
const PREDICTION = 'pool.prediction';

export const CHECKS: readonly Check[] = [
  {
    reads: ['server.host', 'auth.required'],
    test: ({ server, auth }) => {
      if (auth.required !== 'auto' || isLoopback(server.host)) return null;
      return `is not a loopback address: anybody who reaches it could take agents, and this version has no keys yet. Use 127.0.0.1 and put a proxy that checks callers in front`;
    },
  },
  {
    reads: ['auth.required'],
    test: ({ auth }) =>
      auth.required === 'always' ? 'cannot be "always" yet: this version has no keys' : null,
  },
  {
    reads: ['server.public_url'],
    test: ({ server }) =>
      server.public_url === '' || isHttpUrl(server.public_url)
        ? null
        : 'must be empty or begin with http:// or https:// and name a host',
  },
  { reads: ['journal.url'], test: ({ journal }) => journalFault(journal.url) },
  {
    reads: ['pool.selection'],
    test: ({ pool }) =>
      pool.selection === 'warmth' ? 'cannot be "warmth" in this version; use score or pack' : null,
  },
  {
    reads: ['pool.idle_policy'],
    test: ({ pool }) =>
      pool.idle_policy === 'learned'
        ? 'cannot be "learned" in this version; use fixed or pressure'
        : null,
  },
  {
    reads: [`${ALERTS}.webhooks`],
    test: ({ pool }) =>
      pool.alerts.webhooks.length > 0
        ? 'must be empty in this version: alerts are not posted anywhere yet. Read GET /v1/alerts'
        : null,
  },
  {
    reads: [`${RECLAIM}.idle_after_sec_under_pressure`, `${RECLAIM}.idle_after_sec`],
    test: ({ pool: { reclaim } }) =>
      reclaim.idle_after_sec_under_pressure > reclaim.idle_after_sec
        ? `must not exceed idle_after_sec (${reclaim.idle_after_sec}): pressure shortens the wait`
        : null,
  },
  {
    reads: [`${ALERTS}.utilization_low`, `${ALERTS}.utilization_high`],
    test: ({ pool: { alerts } }) =>
      lower(alerts.utilization_low, 'utilization_high', alerts.utilization_high),
  },
  {
    reads: [`${PREDICTION}.likely_threshold`, `${PREDICTION}.prewarm_threshold`],
    test: ({ pool: { prediction } }) =>
      prediction.likely_threshold > prediction.prewarm_threshold
        ? `must not exceed prewarm_threshold (${prediction.prewarm_threshold})`
        : null,
  },
  {
    reads: [`${PREDICTION}.time_zone`],
    test: ({ pool }) =>
      isTimeZone(pool.prediction.time_zone)
        ? null
        : 'is not a time zone; an example is Europe/Berlin',
  },
  {
    reads: ['pool.purposes'],
    test: ({ pool }) =>
      Object.hasOwn(pool.purposes, 'default')
        ? null
        : 'must have an entry "default" for the purposes that are not listed',
  },
  {
    reads: [`${AUTOSCALING}.scale_down_threshold`, `${AUTOSCALING}.scale_up_threshold`],
    test: ({ multi_agent: { autoscaling } }) =>
      lower(autoscaling.scale_down_threshold, 'scale_up_threshold', autoscaling.scale_up_threshold),
  },
  {
    reads: [`${AUTOSCALING}.min_agents_per_type`, `${AUTOSCALING}.max_agents_per_type`],
    test: ({ multi_agent: { autoscaling } }) =>
      autoscaling.min_agents_per_type > autoscaling.max_agents_per_type
        ? `must not exceed max_agents_per_type (${autoscaling.max_agents_per_type})`
        : null,
  },
  {
    reads: ['multi_agent.specializations'],
    test: ({ multi_agent }) => sharedName(multi_agent.specializations),
  },
];

function lower(value: number, otherName: string, other: number): string | null {
  return value < other ? null : `must be lower than ${otherName} (${other}); are the two swapped?`;
}

/** Names of the loopback interface, which nothing outside this machine can reach. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (bare === 'localhost' || bare === '::1' || bare === '0:0:0:0:0:0:0:1') return true;
  return /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(bare);
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

function journalFault(url: string): string | null {
  if (url.startsWith('file:')) {
    return url.length > 'file:'.length ? null : 'names no directory; write file:./data';
  }
  if (url === 'memory:') return null;
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')));
  if (['postgres', 'postgresql', 'nats'].includes(scheme)) {
    return `cannot be ${scheme}: in this version; use file:DIRECTORY`;
  }
  return 'must be file:DIRECTORY, such as file:./data';
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function sharedName(specializations: Config['multi_agent']['specializations']): string | null {
  const owners = new Map<string, string>();
  for (const [name, { agent_name: agentName }] of Object.entries(specializations)) {
    const owner = owners.get(agentName);
    if (owner)
      return `give ${owner} and ${name} the same agent_name: their agents' ids would collide`;
    owners.set(agentName, name);
  }
  return null;
}
