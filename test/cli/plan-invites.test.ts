import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import {
  answerJson,
  cli,
  fakePool,
  removeWorkspaces,
  servePool,
  workspace,
  write,
} from './support.ts';

afterAll(removeWorkspaces);

const DAY = 86_400;
const MONDAY = 1_767_571_200;

/** Three weeks: two guilds in the evening, two in the morning, and one that says little. */
function trace(): string {
  const rows = ['t,guild,bot'];
  for (let day = 0; day < 21; day += 1) {
    const at = MONDAY + day * DAY;
    for (const guild of ['early-1', 'early-2']) rows.push(`${at + 8 * 3_600 + day},${guild},0`);
    for (const guild of ['late-1', 'late-2']) rows.push(`${at + 20 * 3_600 + day},${guild},0`);
    if (day % 7 === 0) rows.push(`${at},seldom,0`, `${at},robot,1`);
  }
  return `${rows.join('\n')}\n`;
}

const args = (file: string, ...more: readonly string[]) => [
  ...['plan', 'invites', '--trace', file, '--tenant-column', 'guild', '--exclude', 'bot=1'],
  ...more,
];

interface Invite {
  readonly tenant: string;
  readonly agent_id: string;
}

const agentsOf = (invites: readonly Invite[], tenant: string) =>
  invites.filter((invite) => invite.tenant === tenant).map((invite) => invite.agent_id);

describe.concurrent('remuda plan invites, from a trace', () => {
  it('gives guilds that ask together different agents, and measures the plan', async () => {
    const file = write('trace.csv.gz', gzipSync(trace()));
    const { code, json, stderr } = await cli(
      args(file, '--agents', '2', '--per-tenant', '1', '--json'),
    );
    expect(code, stderr).toBe(0);
    expect(json).toMatchObject({ tenants: 5, agents: 2, memberships: 0 });
    expect(json.invites).toHaveLength(5);
    expect(agentsOf(json.invites, 'late-1')).not.toEqual(agentsOf(json.invites, 'late-2'));
    expect(agentsOf(json.invites, 'early-1')).not.toEqual(agentsOf(json.invites, 'early-2'));
    expect(json.invites[0]).toEqual({
      tenant: expect.any(String),
      agent_id: expect.stringMatching(/^agent-[12]$/),
      nth: 1,
      gain: expect.any(Number),
      busy: expect.any(Number),
      why: expect.stringContaining('its first agent'),
      invite_url: null,
    });
    expect(json.coverage_expected.before).toBe(0);
    expect(json.coverage_measured).toEqual({ requests: 87, before: 0, after: 1, unseen: false });
    expect(stderr).toContain('90 rows');
  });

  it('measures on what it has not learned from', async () => {
    const file = write('trace.csv', trace());
    const until = String(MONDAY + 14 * DAY);
    const { code, json, stderr } = await cli(
      args(file, '--agents', '2', '--per-tenant', '1', '--learn-until', until, '--json'),
    );
    expect(code, stderr).toBe(0);
    expect(json.coverage_measured).toEqual({ requests: 29, before: 0, after: 1, unseen: true });
  });

  it('prints a table, or writes a file of what fits the budget', async () => {
    const file = write('trace.csv', trace());
    const table = await cli(args(file, '--agents', '3', '--invites', '2'));
    expect(table.code, table.stderr).toBe(0);
    expect(table.stdout).toMatch(/^TENANT +AGENT +NTH +GAIN +BUSY +INVITE\n(.*\n){2}$/);
    expect(table.stderr).toContain('2 invites for 2 tenants of 5.');
    const out = join(workspace(), 'plan.csv');
    const written = await cli(args(file, '--agents', '3', '--invites', '2', '--out', out));
    expect(written.stdout).toBe('');
    expect(readFileSync(out, 'utf8')).toMatch(
      /^tenant,agent_id,nth,gain,busy,why,invite_url\n(early|late)-\d,agent-\d,1,[\d.]+,0,"?its first/,
    );
  });

  it('gives the same plan again', async () => {
    const file = write('trace.csv', trace());
    const run = () => cli(args(file, '--agents', '3', '--invites', '9', '--json'));
    expect((await run()).stdout).toBe((await run()).stdout);
  });

  it('says when more invites would help nobody', async () => {
    const file = write('trace.csv', `${trace()}${MONDAY + 15 * DAY},new,0\n`);
    const until = String(MONDAY + 14 * DAY);
    const { code, stderr } = await cli(
      args(file, '--agents', '2', '--invites', '12', '--learn-until', until),
    );
    expect(code, stderr).toBe(0);
    expect(stderr).toContain('More than 10 help nobody');
  });
});

describe.concurrent('remuda plan invites refuses, with exit code 2,', () => {
  const file = () => write('trace.csv', trace());
  it.each<[string, (file: string) => string[], RegExp]>([
    ['no budget', (f) => args(f, '--agents', '2'), /either --invites N .* or --per-tenant N/],
    ['two budgets', (f) => args(f, '--invites', '2', '--per-tenant', '1'), /either --invites/],
    [
      'a floor beside a number for each',
      (f) => args(f, '--per-tenant', '2', '--at-least', '1'),
      /--at-least goes with --invites/,
    ],
    ['a bad number', (f) => args(f, '--invites', '-3'), /whole number, from 1/],
    [
      'more invites than there is room for',
      (f) => args(f, '--agents', '2', '--invites', '11'),
      /--invites 11 is more than there is room for: 2 agents and 5 tenants can take 10 more/,
    ],
    [
      'more for each tenant than the agents may take',
      (f) => args(f, '--agents', '2', '--per-tenant', '2', '--max-per-agent', '3'),
      /--per-tenant 2 takes 10 invites, which is more .* can take 6 more/,
    ],
    [
      'more for each tenant than one may have',
      (f) => args(f, '--agents', '90', '--per-tenant', '50'),
      /--per-tenant 50 is more than --max-per-tenant 49 allows/,
    ],
    [
      'a trace without a tenant',
      (f) => ['plan', 'invites', '--trace', f, '--invites', '1'],
      /--tenant-column/,
    ],
    [
      'agents without a trace',
      () => ['plan', 'invites', '--agents', '3', '--invites', '1'],
      /--agents goes with --trace/,
    ],
    [
      'new agents and those of a pool at once',
      (f) => args(f, '--agents', '2', '--url', 'http://127.0.0.1:1', '--invites', '1'),
      /give one/,
    ],
    [
      'an unknown column',
      (f) => args(f, '--agents', '2', '--invites', '1', '--purpose-column', 'guilt'),
      /no column "guilt".*guild/,
    ],
    [
      'a window that is none',
      (f) =>
        args(
          f,
          '--agents',
          '2',
          '--invites',
          '1',
          '--to',
          '2026-01-06',
          '--learn-until',
          '2026-01-07',
        ),
      /--learn-until must be earlier than --to/,
    ],
  ])('%s', async (_, make, message) => {
    const { code, stdout, stderr } = await cli(make(file()));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('and with exit code 1 a file that is missing, in a document too', async () => {
    const { code, json } = await cli(
      args('/no/such.csv', '--agents', '2', '--invites', '1', '--json'),
    );
    expect(code).toBe(1);
    expect(JSON.stringify(json)).toContain('/no/such.csv does not exist');
  });

  it('and with exit code 1 a plan that cannot be written', async () => {
    const { code, stderr } = await cli(
      args(file(), '--agents', '2', '--invites', '1', '--out', workspace()),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('is a directory');
  });
});

describe('remuda plan invites, for a pool', () => {
  it('keeps its memberships, its limits and its labels', async () => {
    const pool = await servePool({ REMUDA_POOL_MEMBERSHIP: 'required' });
    try {
      const agents = write(
        'agents.csv',
        [
          'agent_id,labels,memberships,tools',
          'full,max_tenants=1,late-1,music',
          'free,invite_url=https://invite/free,,music',
          'mornings,,early-1;early-2,music',
          'silent,,,',
        ].join('\n'),
      );
      expect((await cli(['agents', 'import', agents, '--url', pool.url])).code).toBe(0);
      const file = write('trace.csv', trace());
      const { code, json, stderr } = await cli(
        args(file, '--url', pool.url, '--tool', 'music', '--invites', '4', '--json'),
      );
      expect(code, stderr).toBe(0);
      expect(json).toMatchObject({ tenants: 5, agents: 3, memberships: 3 });
      const { invites } = json as { invites: (Invite & { invite_url: string | null })[] };
      expect(invites.every(({ agent_id: id }) => id === 'free' || id === 'mornings')).toBe(true);
      expect(agentsOf(invites, 'early-1')).not.toContain('mornings');
      expect(invites.find(({ agent_id: id }) => id === 'free')?.invite_url).toBe(
        'https://invite/free',
      );
      expect(json.coverage_expected.before).toBeGreaterThan(0.2);

      // Without a trace: what the pool itself remembers. One tenant has been served.
      const lease = await cli(['lease', 'late-1', '--url', pool.url, '--json']);
      expect(lease.code, lease.stderr).toBe(0);
      const live = await cli([
        'plan',
        'invites',
        '--url',
        pool.url,
        '--tenant',
        'new',
        '--per-tenant',
        '1',
        '--json',
      ]);
      expect(live.code, live.stderr).toBe(0);
      expect(live.json).toMatchObject({ tenants: 4, agents: 4, coverage_measured: null });
      const tenants = (live.json.invites as Invite[]).map(({ tenant }) => tenant);
      expect(tenants.sort()).toEqual(['early-1', 'early-2', 'late-1', 'new']);
      expect(tenants).not.toContain('full');
    } finally {
      await pool.stop();
    }
  });

  it('fails where no agent could be invited, and where no pool answers', async () => {
    const pool = await fakePool((_, response) =>
      answerJson(response, 200, { items: [], next_cursor: null }),
    );
    const none = await cli(['plan', 'invites', '--url', pool.url, '--invites', '1']);
    pool.stop();
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('no such agent');
    const gone = await cli(['plan', 'invites', '--url', 'http://127.0.0.1:9', '--invites', '1']);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain('No pool answers');
  });
});
