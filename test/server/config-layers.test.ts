import { describe, expect, test } from 'vitest';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { formatFaults } from '../../src/server/config/config-fault.ts';
import { poolOptions } from '../../src/server/config/pool-options.ts';
import { listSettings } from '../../src/server/config/settings.ts';
import { env, file, flags, good, load } from './config-support.ts';

describe('layers', () => {
  test('without anything, the defaults', () => {
    const config = good('');
    expect(config.server).toEqual({ host: '127.0.0.1', port: 8766, public_url: '' });
    const { startable, ...options } = poolOptions(config);
    expect({ ...options, startable: [] }).toEqual(DEFAULT_OPTIONS);
    expect(startable).toContainEqual({ name: 'research', tools: [], slots: 1, max: 5 });
    expect(config.multi_agent.autoscaling.port_ranges.research).toEqual([9101, 9150]);
    expect(config.multi_agent.specializations.research).toEqual({
      agent_name: 'researcher',
      tools: [],
      command: [],
      core: true,
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
      gpu: { agent_name: 'gpu', tools: [], command: ['run', '--fast'], core: true },
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
