import { describe, expect, test } from 'vitest';
import { faults } from './config-support.ts';

describe('settings that do not fit together', () => {
  test.each<[string, string, string]>([
    [
      'swapped thresholds',
      'multi_agent: { autoscaling: { scale_up_threshold: 0.2, scale_down_threshold: 0.8 } }',
      '1:78 multi_agent.autoscaling.scale_down_threshold: must be lower than scale_up_threshold (0.2); are the two swapped?',
    ],
    [
      'one threshold beyond a default',
      'multi_agent: { autoscaling: { scale_up_threshold: 0.2 } }',
      '1:51 multi_agent.autoscaling.scale_down_threshold: must be lower than scale_up_threshold (0.2); are the two swapped?',
    ],
    [
      'swapped alerts',
      'pool: { alerts: { utilization_low: 0.95 } }',
      '1:36 pool.alerts.utilization_low: must be lower than utilization_high (0.9); are the two swapped?',
    ],
    [
      'min above max',
      'multi_agent: { autoscaling: { min_agents_per_type: 6 } }',
      '1:52 multi_agent.autoscaling.min_agents_per_type: must not exceed max_agents_per_type (5)',
    ],
    [
      'more patience under pressure',
      'pool: { reclaim: { idle_after_sec_under_pressure: 1801 } }',
      '1:51 pool.reclaim.idle_after_sec_under_pressure: must not exceed idle_after_sec (1800): pressure shortens the wait',
    ],
    [
      'likely above prewarm',
      'pool: { prediction: { likely_threshold: 0.9 } }',
      '1:41 pool.prediction.likely_threshold: must not exceed prewarm_threshold (0.7)',
    ],
    [
      'no such time zone',
      'pool: { prediction: { time_zone: Mars/Base } }',
      '1:34 pool.prediction.time_zone: is not a time zone; an example is Europe/Berlin',
    ],
    [
      'a range that ends before it begins',
      'multi_agent: { autoscaling: { port_ranges: { research: [9150, 9101] } } }',
      '1:56 multi_agent.autoscaling.port_ranges.research: ends (9101) before it begins (9150)',
    ],
    [
      'ranges that overlap',
      'multi_agent: { autoscaling: { port_ranges: { research: [1, 5], analysis: [5, 9] } } }',
      '1:74 multi_agent.autoscaling.port_ranges.analysis: overlaps the range of research [1, 5]',
    ],
    [
      'a range with the own port',
      'multi_agent: { autoscaling: { port_ranges: { research: [8000, 9000] } } }',
      '1:56 multi_agent.autoscaling.port_ranges.research: includes server.port (8766)',
    ],
    [
      'a range of nobody',
      'multi_agent: { autoscaling: { port_ranges: { reserch: [1, 5] } } }',
      '1:55 multi_agent.autoscaling.port_ranges.reserch: belongs to no specialization; did you mean "research"?',
    ],
    [
      'the same agent name twice',
      'multi_agent: { specializations: { a: { agent_name: x }, b: { agent_name: x } }, autoscaling: { port_ranges: {} } }',
      "1:33 multi_agent.specializations: give a and b the same agent_name: their agents' ids would collide",
    ],
    [
      'a public address without keys',
      'server: { host: 0.0.0.0 }',
      '1:17 server.host: is not a loopback address: anybody who reaches it could take agents, and this version has no keys yet. Use 127.0.0.1 and put a proxy that checks callers in front',
    ],
    [
      'keys that there are none of',
      'auth: { required: always }',
      '1:19 auth.required: cannot be "always" yet: this version has no keys',
    ],
    [
      'a public URL that is none',
      'server: { public_url: example.com }',
      '1:23 server.public_url: must be empty or begin with http:// or https:// and name a host',
    ],
    [
      'a selection of later',
      'pool: { selection: warmth }',
      '1:20 pool.selection: cannot be "warmth" in this version; use score or pack',
    ],
    [
      'an idle policy of later',
      'pool: { idle_policy: learned }',
      '1:22 pool.idle_policy: cannot be "learned" in this version; use fixed or pressure',
    ],
    [
      'webhooks of later',
      'pool: { alerts: { webhooks: ["http://x"] } }',
      '1:29 pool.alerts.webhooks: must be empty in this version: alerts are not posted anywhere yet. Read GET /v1/alerts',
    ],
    [
      'a journal of later',
      'journal: { url: "postgres://user:secret@db/x" }',
      '1:17 journal.url: cannot be postgres: in this version; use file:DIRECTORY',
    ],
    [
      'a journal of nothing',
      'journal: { url: "./data" }',
      '1:17 journal.url: must be file:DIRECTORY, such as file:./data',
    ],
    [
      'a journal nowhere',
      'journal: { url: "file:" }',
      '1:17 journal.url: names no directory; write file:./data',
    ],
  ])('%s', (_, yaml, expected) => expect(faults(yaml)).toEqual([expected]));

  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]', '::ffff:127.0.0.1'])(
    '%s is a loopback address',
    (host) => expect(faults(`server: { host: "${host}" }`)).toEqual([]),
  );

  test('are not judged while one of them is wrong by itself', () => {
    expect(faults('pool: { alerts: { utilization_low: 2 } }')).toHaveLength(1);
  });
});
