import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_OPTIONS } from '../../core/options.ts';
import { formatFaults } from './config-fault.ts';
import { type ConfigInput, loadConfig } from './load.ts';
import { poolOptions } from './pool-options.ts';
import type { Config } from './schema.ts';
import { listSettings } from './settings.ts';

let directory = '';
let file = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'remuda-config-'));
  file = join(directory, 'config.yaml');
});
afterAll(() => rmSync(directory, { recursive: true }));

function load(yaml: string, more: Partial<ConfigInput> = {}) {
  writeFileSync(file, yaml);
  return loadConfig({ file, env: {}, ...more });
}

function good(yaml: string, more: Partial<ConfigInput> = {}): Config {
  const loaded = load(yaml, more);
  if (!loaded.ok) throw new Error(formatFaults(loaded.faults));
  return loaded.config;
}

/** `7:3 path: message` of each fault; the name of the file is left out. */
function faults(yaml: string, more: Partial<ConfigInput> = {}): string[] {
  const loaded = load(yaml, more);
  if (loaded.ok) return [];
  return loaded.faults.map(({ source, path, message }) => {
    const place = source.replace(`${file}:`, '');
    return path === '' ? `${place}: ${message}` : `${place} ${path}: ${message}`;
  });
}

const flags = (values: { [name: string]: string }) => ({ flags: values });
const env = (values: { [name: string]: string }) => ({ env: values });

describe('layers', () => {
  test('without anything, the defaults', () => {
    const config = good('');
    expect(config.server).toEqual({ host: '127.0.0.1', port: 8766, public_url: '' });
    expect(poolOptions(config)).toEqual(DEFAULT_OPTIONS);
    expect(config.multi_agent.autoscaling.port_ranges.research).toEqual([9101, 9150]);
    expect(config.multi_agent.specializations.research).toEqual({
      agent_name: 'researcher',
      tools: [],
      command: [],
    });
  });

  test('flags over the environment over the file over the defaults', () => {
    const yaml = 'server: { port: 1001, host: localhost }\nlog: { level: warn }\n';
    const variables = { REMUDA_SERVER_PORT: '1002', REMUDA_LOG_LEVEL: 'error', HOME: '/root' };
    const loaded = load(yaml, { env: variables, flags: { port: '1003' } });
    if (!loaded.ok) throw new Error(formatFaults(loaded.faults));
    const { config, sources } = loaded;
    expect(config.server).toMatchObject({ port: 1003, host: 'localhost' });
    expect(config.log.level).toBe('error');
    expect(sources).toMatchObject({
      'server.port': '--port',
      'log.level': 'REMUDA_LOG_LEVEL',
      'server.host': `${file}:1:29`,
      'pool.selection': 'default',
    });
  });

  test('every setting has a variable and a flag of its own', () => {
    const { settings } = listSettings();
    const names = settings.flatMap(({ variable, flags: own }) => [variable, ...own]);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['REMUDA_POOL_QUEUE_MAX_LENGTH', 'pool.queue.max_length', 'host']),
    );
  });

  test('every setting can be given as a variable and as a flag', () => {
    for (const { schema, variable, path } of listSettings().settings) {
      const given = schema.default;
      const text = typeof given === 'string' ? given : JSON.stringify(given);
      expect(good('', env({ [variable]: text })), variable).toEqual(good(''));
      expect(good('', flags({ [path]: text })), path).toEqual(good(''));
    }
  });

  test('purposes join the default ones, entry by entry', () => {
    const { purposes } = good('pool: { purposes: { music: { priority_weight: 5 }, dj: {} } }', {
      env: { REMUDA_POOL_PURPOSES: '{"dj": {"idle_timeout_sec": 7.5}}' },
    }).pool;
    expect(purposes.music).toEqual({ idle_timeout_sec: 1800, priority_weight: 5 });
    expect(purposes.dj).toEqual({ idle_timeout_sec: 7.5, priority_weight: 10 });
    expect(purposes.default).toEqual({ idle_timeout_sec: 900, priority_weight: 10 });
  });

  test('specializations and port ranges stand in place of the default ones', () => {
    const yaml = `multi_agent:
  specializations: { gpu: { agent_name: gpu, command: [run, --fast] } }
  autoscaling: { port_ranges: { gpu: [9000, 9009] } }
`;
    const { specializations, autoscaling } = good(yaml).multi_agent;
    expect(specializations).toEqual({
      gpu: { agent_name: 'gpu', tools: [], command: ['run', '--fast'] },
    });
    expect(autoscaling.port_ranges).toEqual({ gpu: [9000, 9009] });
  });

  test('--data names the directory of the journal', () => {
    expect(good('', flags({ data: '/srv/remuda' })).journal.url).toBe('file:/srv/remuda');
  });

  test('heartbeats and checks come from the autoscaling section', () => {
    const config = good(
      'multi_agent: { autoscaling: { heartbeat_timeout_sec: 1.5, unhealthy_threshold: 2, check_interval_sec: 0.5 } }',
    );
    expect(poolOptions(config).health).toEqual({
      heartbeatTimeoutMs: 1_500,
      unhealthyThreshold: 2,
      checkIntervalMs: 500,
    });
  });
});

describe('faults', () => {
  test.each<[string, string, Partial<ConfigInput>, string[]]>([
    [
      'an unknown key',
      'server: { prot: 1 }',
      {},
      ['1:11 server.prot: unknown field "prot"; did you mean "port"?'],
    ],
    [
      'an unknown section',
      'servr: {}',
      {},
      ['1:1 servr: unknown field "servr"; did you mean "server"?'],
    ],
    [
      'a number as text',
      'server:\n  port: "8766"',
      {},
      ['2:9 server.port: must be a whole number, not the text "8766"; leave out the quotes'],
    ],
    [
      'a text as number',
      'log: { level: 5 }',
      {},
      [
        '1:15 log.level: must be trace, debug, info, warn, error, fatal or silent, not the number 5',
      ],
    ],
    ['an empty section', 'pool:\n  queue:\n', {}, ['2:9 pool.queue: must be an object, not null']],
    ['a list as the whole', '[1]', {}, ['1:1: must be an object, not an array']],
    [
      'yes for true',
      'pool: { reclaim: { enabled: yes } }',
      {},
      ['1:29 pool.reclaim.enabled: must be true or false, not the text "yes"'],
    ],
    [
      'a port out of range',
      'server: { port: 70000 }',
      {},
      ['1:17 server.port: must be from 0 to 65535; it is 70000'],
    ],
    [
      'an infinite timeout',
      'pool: { queue: { timeout_sec: .inf } }',
      {},
      ['1:31 pool.queue.timeout_sec: must be a number, not the number Infinity'],
    ],
    [
      'a key twice',
      'server: { port: 1 }\nserver: { port: 2 }',
      {},
      ['2:1: the key server is given twice'],
    ],
    ['a tab', 'server:\n\tport: 1', {}, ['2:1: Tabs are not allowed as indentation']],
    [
      'broken YAML',
      'server: { port: 1',
      {},
      ['1:18: Flow map in block collection must be sufficiently indented and end with a }'],
    ],
    ['an unknown tag', 'server: { port: !port 1 }', {}, ['1:17: Unresolved tag: !port']],
    [
      'a missing field of an entry',
      'multi_agent: { specializations: { a: {} } }',
      {},
      [
        '1:38 multi_agent.specializations.a.agent_name: is required',
        'default multi_agent.autoscaling.port_ranges.research: belongs to no specialization',
      ].slice(0, 1),
    ],
    [
      'a name that is none',
      'pool: { purposes: { "": {} } }',
      {},
      ['1:21 pool.purposes.: the key "" is not a usable name'],
    ],
    [
      'a prototype',
      'pool: { __proto__: { selection: pack } }',
      {},
      ['1:9 pool.__proto__: unknown field "__proto__"'],
    ],
    [
      'an unknown variable',
      '',
      env({ REMUDA_SERVER_PRT: '1' }),
      ['REMUDA_SERVER_PRT: is not a setting; did you mean "REMUDA_SERVER_PORT"?'],
    ],
    [
      'a variable for an entry of a map',
      '',
      env({ REMUDA_POOL_PURPOSES_MUSIC: '{}' }),
      [
        "REMUDA_POOL_PURPOSES_MUSIC: is not a setting; set the whole map: REMUDA_POOL_PURPOSES='{NAME: {…}}'",
      ],
    ],
    [
      'a variable that is no number',
      '',
      env({ REMUDA_SERVER_PORT: 'http' }),
      ['REMUDA_SERVER_PORT server.port: must be a number, not "http"'],
    ],
    [
      'an empty variable',
      '',
      env({ REMUDA_SERVER_PORT: '' }),
      ['REMUDA_SERVER_PORT server.port: must be a number, not ""'],
    ],
    [
      'a variable that is no boolean',
      '',
      env({ REMUDA_POOL_RECLAIM_ENABLED: '1' }),
      ['REMUDA_POOL_RECLAIM_ENABLED pool.reclaim.enabled: must be true or false, not "1"'],
    ],
    [
      'a variable that is no list',
      '',
      env({ REMUDA_POOL_ALERTS_WEBHOOKS: 'x' }),
      ['REMUDA_POOL_ALERTS_WEBHOOKS pool.alerts.webhooks: must be an array, not the text "x"'],
    ],
    [
      'a variable that does not parse',
      '',
      env({ REMUDA_POOL_PURPOSES: '{' }),
      [
        expect.stringMatching(
          /^REMUDA_POOL_PURPOSES pool.purposes: is not valid JSON or YAML: /,
        ) as never,
      ],
    ],
    ['an unknown flag', '', flags({ prot: '1' }), ['--prot: is not a flag; did you mean "port"?']],
    [
      'two flags for one thing',
      '',
      flags({ port: '1', 'server.port': '1' }),
      ['--server.port: says the same thing as --port; give one'],
    ],
    [
      'a flag out of range',
      '',
      flags({ port: '-1' }),
      ['--port server.port: must be from 0 to 65535; it is -1'],
    ],
    [
      'a fault that a flag hides',
      'server: { port: x }',
      flags({ port: '1' }),
      ['1:17 server.port: must be a whole number, not the text "x"'],
    ],
  ])('%s', (_, yaml, more, expected) => expect(faults(yaml, more)).toEqual(expected));

  test('reserved variables are none', () => {
    const reserved = { REMUDA_URL: 'x', REMUDA_API_KEY: 'x', REMUDA_KEY: 'x' };
    expect(faults('', env(reserved))).toEqual([]);
  });

  test('a file that is named must be there; the default one need not', () => {
    const missing = loadConfig({ file: join(directory, 'none.yaml'), env: {} });
    expect(missing).toMatchObject({ ok: false, faults: [{ message: 'does not exist' }] });
    mkdirSync(join(directory, 'folder'));
    const folder = loadConfig({ file: join(directory, 'folder'), env: {} });
    expect(folder).toMatchObject({ ok: false, faults: [{ message: 'is a directory' }] });
  });

  test('aliases that unfold without end are refused', () => {
    const yaml = `a: &a [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [*${i ? `b${i - 1}` : 'a'}, *${i ? `b${i - 1}` : 'a'}]`).join('\n')}`;
    expect(faults(yaml).join()).toMatch(/alias/i);
  });

  test('all at once, in one message', () => {
    const yaml = 'server: { prot: 1 }\npool: { selection: warmth, queue: { max_length: -1 } }';
    const loaded = load(yaml, { ...env({ REMUDA_X: '' }), ...flags({ y: '' }) });
    if (loaded.ok) throw new Error('accepted');
    const text = formatFaults(loaded.faults);
    expect(text.split('\n')).toHaveLength(6);
    expect(text).toMatch(/^The configuration has 5 faults; nothing was started\./);
  });
});

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
