import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { runHere } from './in-process.ts';
import { cli, removeWorkspaces, workspace, write } from './support.ts';

afterAll(removeWorkspaces);

/** a in the minutes 0, 3 and 4, b in 1 and 9, a robot in 2; unix minute 29,000,000 is the first. */
const TRACE = `t,who,bot
1740000000,a,0
1740000070,b,0
1740000130,robot,1
1740000190,a,0
1740000200,a,0
1740000240,a,0
1740000540,"b",0
`;

const ofTrace = (...more: string[]) => {
  const trace = ['--trace', write('trace.csv', TRACE), '--tenant-column', 'who'];
  return [...trace, '--exclude', 'bot=1', ...more];
};

async function evaluated(...args: string[]) {
  const decisions = join(workspace(), 'decisions.csv');
  const { code, stdout, stderr } = await runHere([
    ...['evaluate', ...args, '--decisions', decisions, '--json'],
  ]);
  expect(code, stderr).toBe(0);
  return { json: JSON.parse(stdout), decisions: readFileSync(decisions, 'utf8'), stderr };
}

describe('remuda evaluate keepalive', () => {
  it('weighs cold starts against idle minutes', async () => {
    const args = ofTrace('--policy', 'fixed:2', '--cost', '3');
    const { json, decisions, stderr } = await evaluated('keepalive', ...args);
    // a: cold, warm after 2 idle minutes, warm at once; then 2 kept. b: cold, 2 kept, cold.
    expect(json).toEqual({
      active_minutes: 5,
      cold: 3,
      idle_minutes: 2 + 2 + 2,
      cost_per_active_minute: (3 * 3 + 6) / 5,
      // Two first minutes, a's gap of 2 is kept, b's gap of 7 is not.
      oracle_cost_per_active_minute: (3 + 3 + 2 + 0 + 3) / 5,
      regret: 15 / 5 - 11 / 5,
      policy: 'fixed:2',
      cost: 3,
      tenants: 2,
      from: '2025-02-19T21:20:00.000Z',
      to: '2025-02-19T21:30:00.000Z',
    });
    expect(decisions).toBe(`tenant,minute,prewarm_after_min,keep_min
a,29000000,0,2
b,29000001,0,2
a,29000003,0,2
a,29000004,0,2
b,29000009,0,2
`);
    expect(stderr).toContain('skipped: 1 excluded');
  });

  it('counts what lies in the window, and begins with what was before it', async () => {
    const args = ofTrace('--policy', 'fixed:2', '--from', '1740000120', '--to', '1740000300');
    const { json, decisions } = await evaluated('keepalive', ...args);
    // Only a: minute 2 is kept since minute 0; nothing is kept in minute 5, the window is over.
    expect(json).toMatchObject({ active_minutes: 2, cold: 0, idle_minutes: 1, tenants: 1 });
    expect(decisions).toBe(`tenant,minute,prewarm_after_min,keep_min
a,29000000,0,2
a,29000003,0,2
a,29000004,0,2
`);
  });

  it('bends an idle timeout by utilization', async () => {
    const args = ofTrace('--policy', 'pressure:20', '--agents', '2');
    const { decisions } = await evaluated('keepalive', ...args);
    const kept = decisions.match(/\d+$/gm)?.map(Number);
    expect(kept).toEqual([20, 5, 5, 5, 5]); // one of two agents held, then both
  });

  it('takes any minute up to the year 9999', async () => {
    const trace = write('trace.csv', 't,who\n0,a\n253402300799,a\n');
    const args = ['--trace', trace, '--tenant-column', 'who', '--policy', 'fixed:60'];
    const { json, decisions } = await evaluated('keepalive', ...args);
    expect(json).toMatchObject({ active_minutes: 2, cold: 2, idle_minutes: 60 });
    expect(decisions).toContain('\na,0,0,60\na,4223371679,0,60\n');
  });

  it('quotes names that need it', async () => {
    const trace = write('trace.csv', 't,who\n60,"a, ""b"""\n');
    const args = ['--trace', trace, '--tenant-column', 'who', '--policy', 'fixed:0'];
    const { decisions } = await evaluated('keepalive', ...args);
    expect(decisions).toContain('\n"a, ""b""",1,0,0\n');
  });

  it('prints a table for people', async () => {
    const { code, stdout } = await cli(['evaluate', 'keepalive', ...ofTrace('--policy=fixed:2')]);
    expect(code).toBe(0);
    expect(stdout).toBe(`5 active minutes of 2 tenants; a cold start is worth 30 idle minutes.

policy   cold        idle minutes  cost per active minute
fixed:2  3 (60.0 %)  6             19.20
optimum                            13.80
regret                             5.40
`);
  });
});

describe('remuda evaluate affinity', () => {
  it('counts who meets the agent that served them last', async () => {
    const args = ofTrace('--agents', '1', '--selection', 'lru');
    const { json, decisions } = await evaluated('affinity', ...args);
    expect(json).toEqual({
      requests: 5,
      hits: 1,
      hit_ratio: 0.2,
      oracle_hit_ratio: 0.2,
      selection: 'lru',
      agents: 1,
      tenants: 2,
      from: '2025-02-19T21:20:00.000Z',
      to: '2025-02-19T21:30:00.000Z',
    });
    expect(decisions).toBe(`minute,tenant,agent
29000000,a,agent_1
29000001,b,agent_1
29000003,a,agent_1
29000004,a,agent_1
29000009,b,agent_1
`);
  });

  it('chooses as the pool does, and gives nobody an agent that is busy', async () => {
    const text = 't,who\n0,a\n1,b\n2,c\n60,c\n61,a\n120,b\n';
    const args = ['--trace', write('t.csv.gz', gzipSync(text)), '--tenant-column', 'who'];
    const { json, decisions } = await evaluated('affinity', ...args, '--agents', '2');
    expect(decisions).toBe(`minute,tenant,agent
0,a,agent_1
0,b,agent_2
0,c,
1,c,agent_1
1,a,agent_2
2,b,agent_1
`);
    expect(json).toMatchObject({
      requests: 6,
      hits: 0,
      oracle_hit_ratio: 1 / 6,
      selection: 'score',
    });
  });

  it('begins to bind agents where it is told to', async () => {
    const [learn, from] = ['1740000060', '1740000240'];
    const args = ofTrace('--selection', 'lru', '--learn-from', learn, '--from', from);
    const { json, decisions } = await evaluated('affinity', ...args);
    expect(json).toMatchObject({ requests: 2, hits: 2, agents: 100 });
    expect(decisions).not.toContain('29000000');
    expect(decisions).toContain('29000001,b,agent_1\n29000003,a,agent_2\n');
  });
});

const demandOf = (...levels: number[]) =>
  write('demand.csv', `t_sec,demand\n${levels.map((n, at) => `${at * 60},${n}`).join('\n')}\n`);

describe('remuda evaluate scaling', () => {
  it('counts what is short, what is too much, and how often it turns round', async () => {
    const demand = demandOf(3, 6, 6, 6, 6, 6, 0, 0, 0, 0);
    const args = ['--demand', demand, '--boot-sec', '120', '--strategy', 'threshold'];
    const { json, decisions } = await evaluated('scaling', ...args);
    // 4 run at first; 3 of 4 is not above 75 %, 6 of 4 is: 5 from minute 3 on, 6 from minute 8 on.
    expect(json).toEqual({
      short_ratio: (2 + 2 + 1 + 1 + 1) / 33,
      surplus_ratio: (1 + 5 + 5 + 5 + 5) / 33,
      reversals_per_day: 0,
      changes: 1,
      strategy: 'threshold',
      boot_sec: 120,
      minutes: 10,
    });
    expect(decisions).toBe(
      `t_sec,desired\n${[4, 5, 5, 5, 5, 5, 5, 5, 5, 5].map((n, at) => `${at * 60},${n}\n`).join('')}`,
    );
  });

  it('counts a part of the run, which begins with the file', async () => {
    const demand = demandOf(3, 6, 6, 6, 6, 6);
    const args = ['--demand', demand, '--boot-sec', '120', '--from', '120', '--to', '240'];
    const { json, decisions } = await evaluated('scaling', ...args);
    expect(json).toMatchObject({ short_ratio: 3 / 12, minutes: 2, changes: 1 });
    expect(decisions.trimEnd().split('\n')).toHaveLength(7);
  });

  it('takes the highest of a minute, and the minute before for one without a row', async () => {
    const text = 't_sec,demand\n100,2\n290,1\n110,5\n120,3\n';
    const { json, decisions } = await evaluated('scaling', '--demand', write('d.csv', text));
    expect(decisions).toMatch(/^t_sec,desired\n100,7\n160,7\n220,7\n280,7\n$/);
    expect(json).toMatchObject({ short_ratio: 0, surplus_ratio: (1 + 1 + 1 + 5) / 16 });
  });
});

describe('what cannot be evaluated', () => {
  const keepalive = (...more: string[]) => ['keepalive', ...ofTrace(...more)];
  it.each([
    [2, keepalive('--policy', 'fixd:5'), 'Did you mean "fixed"? It must be fixed:N'],
    [2, keepalive('--policy', 'fixed'), 'It must be fixed:N'],
    [2, keepalive('--policy', 'fixed:1.5'), 'It must be fixed:N'],
    [2, keepalive('--policy', 'learned'), 'comes with a later version; this one has fixed:N'],
    [2, keepalive('--policy', 'fixed:5', '--agents', '9'), '--agents is for --policy pressure'],
    [2, keepalive('--policy', 'fixed:5', '--cost', '-1'), 'must not be negative'],
    [2, keepalive('--policy', 'fixed:5', '--from', '600', '--to', '600'), 'earlier than --to'],
    [2, keepalive('--policy', 'fixed:5', '--from', '9', '--learn-from', '99'), '--learn-from must'],
    [2, keepalive('--policy', 'fixed:5', '--exclude', 'bto=1'), 'did you mean "bot"?'],
    [1, keepalive('--policy', 'fixed:5', '--from', '1740000600'), 'no active minute from --from'],
    [1, keepalive('--policy', 'fixed:5', '--decisions', '/nowhere/d.csv'), 'cannot be written'],
    [2, ['affinity', ...ofTrace('--agents', '0')], 'whole number, from 1'],
    [2, ['affinity', ...ofTrace('--selection', 'warmth')], 'this one has score and lru'],
    [2, ['affinity', ...ofTrace('--selection', 'best')], 'Allowed choices are score, warmth, lru'],
    [2, ['affinity', '--tenant-column', 'who'], '--trace'],
    [1, ['affinity', '--trace', 'none.csv', '--tenant-column', 'who'], 'none.csv does not exist'],
    [2, ['scaling', '--demand', demandOf(1), '--strategy', 'staffing'], 'this one has threshold'],
    [2, ['scaling', '--demand', write('d.csv', 't,demand\n0,1\n')], 'has no column "t_sec"'],
    [
      1,
      ['scaling', '--demand', write('d.csv', 't_sec,demand\n0,1\n60,-1\n')],
      'row 2: demand must',
    ],
    [1, ['scaling', '--demand', write('d.csv', 't_sec,demand\nx,1\n')], 'row 1: t_sec must be'],
    [1, ['scaling', '--demand', write('d.csv', 't_sec,demand\n')], 'has no rows'],
    [1, ['scaling', '--demand', write('d.csv', 't_sec,demand\n0,1\n9e11,1\n')], 'seconds'],
    [1, ['scaling', '--demand', demandOf(0, 0)], 'Nothing is ever in demand'],
    [1, ['scaling', '--demand', demandOf(1), '--from', '60'], 'no minute from --from to --to'],
  ])('ends with %i for %j', async (expected, args, words) => {
    const { code, stdout, stderr } = await runHere(['evaluate', ...args]);
    expect(stderr).toContain(words);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
  });

  it('never overwrites what it reads', async () => {
    const trace = write('trace.csv', TRACE);
    const demand = demandOf(1);
    const args = ['keepalive', '--trace', trace, '--tenant-column', 'who', '--policy', 'fixed:5'];
    for (const [file, rest] of [
      [trace, args],
      [demand, ['scaling', '--demand', demand]],
    ] as const) {
      const { code, stderr } = await runHere(['evaluate', ...rest, '--decisions', file]);
      expect(stderr).toContain('would overwrite');
      expect(code).toBe(2);
    }
  });

  it('is told as JSON too', async () => {
    const { code, json } = await cli(['evaluate', 'scaling', '--demand', 'none.csv', '--json']);
    expect(code).toBe(1);
    expect(json).toEqual({ code: 'FAILED', detail: 'none.csv does not exist.' });
  });
});
