import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const ENV = { REMUDA_AGENT_ID: 'researcher_1', REMUDA_PORT: '9101' };

function settingsOf(args: readonly string[], env = {}) {
  const result = readSettings(args, { ...ENV, ...env });
  if (result.outcome !== 'settings') throw new Error(JSON.stringify(result));
  return result.settings;
}

function faultsOf(args: readonly string[], env = {}) {
  const result = readSettings(args, { ...ENV, ...env });
  return result.outcome === 'faults' ? result.faults : [];
}

describe('the settings', () => {
  test('need an id and a port; everything else has a value of its own', () => {
    const { url, ...rest } = settingsOf([]);
    expect(url.href).toBe('http://127.0.0.1:8766/');
    expect(rest).toEqual({
      agentId: 'researcher_1',
      port: 9101,
      specialization: 'general',
      apiKey: null,
      slots: 1,
      heartbeatMs: 5_000,
      searchRoot: process.cwd(),
      chat: null,
    });
    expect(readSettings([], {})).toEqual({
      outcome: 'faults',
      faults: ['--agent-id or REMUDA_AGENT_ID: is missing', '--port or REMUDA_PORT: is missing'],
    });
  });

  test('flags win over variables, in both ways of writing them', () => {
    const settings = settingsOf(['--port=0', '--url', 'https://pool/base', '--slots', '4'], {
      REMUDA_URL: 'http://elsewhere',
      REMUDA_SPECIALIZATION: 'research',
    });
    expect(settings.port).toBe(0);
    expect(settings.url.href).toBe('https://pool/base/');
    expect(settings.slots).toBe(4);
    expect(settings.specialization).toBe('research');
  });

  test('an empty variable is as good as none', () => {
    expect(
      settingsOf([], { REMUDA_URL: '', REMUDA_API_KEY: ' ', OPENAI_BASE_URL: '' }),
    ).toMatchObject({ apiKey: null, chat: null });
  });

  test('a chat API needs a model; without its address the rest means nothing', () => {
    expect(settingsOf([], { OPENAI_API_KEY: 'not a key', OPENAI_MODEL: 'm' }).chat).toBeNull();
    expect(faultsOf([], { OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' })).toEqual([
      'OPENAI_MODEL: is needed as well as OPENAI_BASE_URL',
    ]);
    const { chat } = settingsOf([], {
      OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1',
      OPENAI_MODEL: 'small',
      OPENAI_API_KEY: 'sk-1',
    });
    expect(chat).toMatchObject({ model: 'small', key: 'sk-1' });
    expect(chat?.url.href).toBe('http://127.0.0.1:11434/v1/');
  });

  test('all faults come at once, and none repeats a secret', () => {
    const args = [
      '--port',
      'x',
      '--slots=0',
      '--heartbeat-sec',
      '--fast',
      '--agent-id',
      'a',
      '--agent-id=b',
    ];
    const faults = faultsOf([...args, '--search-root', '/no/such\0place', 'stray'], {
      REMUDA_URL: 'http://user:SECRET@pool',
      REMUDA_API_KEY: 'SECRET\nSECRET',
      REMUDA_SPECIALIZATION: 'x'.repeat(65),
    });
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      '--heartbeat-sec',
      '"--fast"',
      '--agent-id',
      '"stray"',
      '--port',
      'REMUDA_SPECIALIZATION',
      'REMUDA_URL',
      '--slots',
      '--search-root',
      'REMUDA_API_KEY',
    ]);
    expect(faults.join()).not.toContain('SECRET');
  });

  test.each([
    ['--agent-id', 'a b'],
    ['--agent-id', '..'],
    ['--agent-id', 'a/b'],
    ['--agent-id', 'x'.repeat(129)],
    ['--port', '65536'],
    ['--port', '1.5'],
    ['--port', '0x10'],
    ['--port', '-1'],
    ['--slots', '65'],
    ['--heartbeat-sec', '0'],
    ['--heartbeat-sec', '3601'],
    ['--url', 'ftp://pool'],
    ['--url', 'pool:8766'],
    ['--url', 'http://pool/?a=1'],
    ['--search-root', 'package.json'],
  ])('%s %s is refused', (flag, text) => {
    expect(faultsOf([flag, text])).toHaveLength(1);
  });

  test('help is given whatever else is wrong', () => {
    expect(readSettings(['--nonsense', '--help'], {})).toEqual({ outcome: 'help' });
  });
});
