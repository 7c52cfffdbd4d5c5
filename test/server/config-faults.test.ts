import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatFaults } from '../../src/server/config/config-fault.ts';
import { loadConfig } from '../../src/server/config/load.ts';
import { directory, env, faults, flags, load, type More } from './config-support.ts';

describe('faults', () => {
  test.each<[string, string, More, string[]]>([
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
