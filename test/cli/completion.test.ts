import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cli, removeWorkspaces, write } from './support.ts';

let script = '';
beforeAll(async () => {
  script = write('remuda.bash', (await cli(['completion', 'bash'])).stdout);
});
afterAll(removeWorkspaces);

/** What bash would offer behind these words; the last one is being typed. */
function offered(...words: readonly string[]): string[] {
  const quoted = ['remuda', ...words].map((word) => `'${word}'`).join(' ');
  const lines = [
    `source ${script}`,
    `COMP_WORDS=(${quoted})`,
    `COMP_CWORD=${words.length}`,
    '_remuda',
    `printf '%s\\n' "\${COMPREPLY[@]}"`,
  ];
  const { stdout, stderr } = spawnSync('bash', ['-c', lines.join('\n')], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completions for bash', () => {
  it('offer commands', () => {
    expect(offered('')).toEqual(expect.arrayContaining(['serve', 'lease', 'agents', 'journal']));
    expect(offered('le')).toEqual(['lease']);
    expect(offered('plan', 'inv')).toEqual(['invites']);
    expect(offered('agents', '')).toEqual(
      expect.arrayContaining(['import', 'list', 'drain', 'resume', 'retire']),
    );
  });

  it('offer the options of the command that has been typed', () => {
    expect(offered('lease', 'guild', '--t')).toEqual(['--tool']);
    expect(offered('agents', 'list', '--ph')).toEqual(['--phase']);
    expect(offered('serve', '--pool.queue.max')).toEqual(['--pool.queue.max_length']);
    expect(offered('replay', '--pool.queue.max')).toEqual(['--pool.queue.max_length']);
    expect(offered('plan', '--rat')).toEqual(['--rate']);
    expect(offered('plan', 'capacity', '--hol')).toEqual(['--hold']);
    expect(offered('what-if', '--ag')).toEqual(['--agents']);
    expect(offered('plan', 'invites', '--max-per-t')).toEqual(['--max-per-tenant']);
    expect(offered('status', '--he')).toEqual(['--help']);
    expect(offered('evaluate', 'keepalive', '--po')).toEqual(['--policy']);
  });

  it('offer the values of an option, in both of its forms', () => {
    const priorities = ['low', 'normal', 'high', 'critical'];
    expect(offered('lease', 'guild', '--priority', '')).toEqual(priorities);
    expect(offered('lease', 'guild', '--priority', '=', '')).toEqual(priorities);
    expect(offered('lease', 'guild', '--priority', '=', 'h')).toEqual(['high']);
    expect(offered('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
    expect(offered('lease', 'guild', '--purpose', '')).toEqual([]);
    expect(offered('evaluate', 'affinity', '--selection', '')).toEqual(['score', 'warmth', 'lru']);
  });

  it('offer files where a command takes one', () => {
    expect(offered('replay', '/etc/host')).toContain('/etc/hosts');
    expect(offered('plan', 'invites', '--trace', '/etc/host')).toContain('/etc/hosts');
    expect(offered('serve', '--config', '/etc/host')).toContain('/etc/hosts');
    expect(offered('evaluate', 'scaling', '--demand', '/etc/host')).toContain('/etc/hosts');
  });
});

describe('completions for the other shells', () => {
  it.each(['zsh', 'fish'])('%s get every command and option', async (shell) => {
    const { code, stdout, stderr } = await cli(['completion', shell]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const word of ['import', 'queue-timeout', 'idempotency-key', 'pool.queue.max_length']) {
      expect(stdout).toContain(word);
    }
  });
});
