import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerJson, cli, fakePool, removeWorkspaces } from './support.ts';

const STATS = {
  policy: {
    scale_up_threshold: 0.75,
    scale_down_threshold: 0.25,
    min_agents_per_type: 1,
    max_agents_per_type: 5,
  },
  specializations: {
    research: {
      ...{ count: 2, avg_load: 0.45, desired: 2, starting: 1, running: 1, draining: 0, lost: 3 },
      ...{ cooldown_up_sec: 212, cooldown_down_sec: 0, min: 1, max: 5 },
      ports: { first: 9101, last: 9150, used: 2 },
      blocked: 'ports exhausted\u001b[2J',
    },
    music: {
      ...{ count: 7, avg_load: 0.1, desired: 7, starting: 0, running: 7, draining: 0, lost: 0 },
      ...{ cooldown_up_sec: 0, cooldown_down_sec: 0, min: null, max: null, ports: null },
      blocked: null,
    },
  },
  scaling_events: 1,
  unhealthy_agents: 3,
  enabled: true,
};

const UP = {
  timestamp: 1_708_612_345.67,
  type: 'scale_up',
  specialization: 'research',
  reason: 'High load: 0.87 > 0.75',
  agent_id: 'researcher_3',
};
const REPLACED = {
  ...{ ...UP, type: 'replace_unhealthy', agent_id: 'researcher_4', replaces: 'researcher_2' },
  reason: 'Missed heartbeats: 3 >= 3',
};

let pool: { readonly url: string; stop(): void };
let asked: string[];
let answers: { [request: string]: object };

beforeEach(async () => {
  asked = [];
  answers = {
    'GET /autoscaler/stats': STATS,
    'GET /autoscaler/events': { events: [REPLACED, UP] },
    'POST /autoscaler/check': {
      actions: [UP],
      skipped: [{ specialization: 'analysis', reason: 'at max 5' }],
    },
    'POST /autoscaler/enable': { enabled: true },
    'POST /autoscaler/disable': { enabled: false },
  };
  pool = await fakePool(({ method, url = '' }, response) => {
    asked.push(`${method} ${url}`);
    const answer = answers[`${method} ${url.split('?')[0]}`];
    if (answer) answerJson(response, 200, answer);
    else answerJson(response, 503, { code: 'NOT_READY', detail: 'The pool stops.' });
  });
});
afterEach(() => pool.stop());
afterAll(removeWorkspaces);

const run = (...args: readonly string[]) => cli(['autoscaler', ...args, '--url', pool.url]);

/** Words of each line; cells are at least two spaces apart. */
const cells = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/));

describe('remuda autoscaler', () => {
  it('stats shows each specialization', async () => {
    const { code, stdout, stderr } = await run('stats');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [first, header, research, music, ...rest] = cells(stdout);
    expect(first).toEqual([
      'The autoscaler is enabled: up above 0.75, down below 0.25. 1 scaling event, 3 unhealthy agents.',
    ]);
    expect(header?.slice(0, 4)).toEqual(['SPECIALIZATION', 'AGENTS', 'LIMITS', 'LOAD']);
    expect(research).toEqual([
      ...['research', '2', '1–5', '0.45', '1', '1', '0', '3', '212 s', '-'],
      '9101–9150 (2 used)',
    ]);
    expect(music).toEqual(['music', '7', '-', '0.10', '0', '7', '0', '0', '-', '-', '-']);
    expect(rest).toEqual([['research cannot start agents: ports exhausted\uFFFD[2J']]);
  });

  it('stats says when it is disabled, and needs no specialization', async () => {
    answers['GET /autoscaler/stats'] = { ...STATS, enabled: false, specializations: {} };
    const { stdout } = await run('stats');
    expect(stdout).toMatch(/^The autoscaler is disabled: .*\n$/);
  });

  it('events asks for 20 unless told, and says who replaced whom', async () => {
    const { code, stdout } = await run('events');
    expect(code).toBe(0);
    expect(cells(stdout).slice(1)).toEqual([
      [
        ...['2024-02-22T14:32:25.670Z', 'replace_unhealthy', 'research', 'researcher_4'],
        ...['researcher_2', 'Missed heartbeats: 3 >= 3'],
      ],
      [
        ...['2024-02-22T14:32:25.670Z', 'scale_up', 'research', 'researcher_3'],
        ...['-', 'High load: 0.87 > 0.75'],
      ],
    ]);
    await run('events', '--limit', '3');
    expect(asked).toEqual(['GET /autoscaler/events?limit=20', 'GET /autoscaler/events?limit=3']);
  });

  it('events prints nothing but a note when there are none', async () => {
    answers['GET /autoscaler/events'] = { events: [] };
    expect(await run('events')).toMatchObject({ stdout: '', stderr: 'No scaling events.\n' });
  });

  it('check shows what was done and what was not', async () => {
    const { code, stdout, stderr } = await run('check');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(asked).toEqual(['POST /autoscaler/check']);
    expect(stdout).toContain('High load: 0.87 > 0.75');
    expect(cells(stdout).slice(-2)).toEqual([
      ['SKIPPED', 'REASON'],
      ['analysis', 'at max 5'],
    ]);
    answers['POST /autoscaler/check'] = { actions: [], skipped: [] };
    expect(await run('check')).toMatchObject({ stdout: '', stderr: 'Nothing was done.\n' });
  });

  it('enable and disable say how it is then', async () => {
    expect((await run('enable')).stdout).toBe('The autoscaler is enabled.\n');
    expect((await run('disable')).stdout).toBe('The autoscaler is disabled.\n');
    expect(asked).toEqual(['POST /autoscaler/enable', 'POST /autoscaler/disable']);
  });

  it.each([
    ['stats', 'GET'],
    ['events', 'GET'],
    ['check', 'POST'],
    ['enable', 'POST'],
    ['disable', 'POST'],
  ])('%s --json prints the answer alone', async (name, method) => {
    const result = await run(name, '--json');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.json).toEqual(answers[`${method} /autoscaler/${name}`]);
  });

  it('ends with 1 when the pool refuses, and with 2 for a wrong limit', async () => {
    delete answers['POST /autoscaler/check'];
    expect(await run('check')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('NOT_READY: The pool stops.'),
    });
    for (const limit of ['0', '1.5', '1000000000']) {
      expect(await run('events', '--limit', limit)).toMatchObject({ code: 2, stdout: '' });
    }
  });

  it.each(['bash', 'zsh', 'fish'])('is completed in %s', async (shell) => {
    const { stdout } = await cli(['completion', shell]);
    for (const word of ['autoscaler', 'stats', 'events', 'check', 'enable', 'disable']) {
      expect(stdout).toContain(word);
    }
  });
});
