/** Commands that talk to a pool, against a real one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CliOptions,
  cli,
  removeWorkspaces,
  type ServedPool,
  servePool,
  write,
} from './support.ts';

let pool: ServedPool;
beforeAll(async () => {
  pool = await servePool();
});
afterAll(async () => {
  const { code, stderr } = await pool.stop();
  removeWorkspaces();
  expect(code, stderr).toBe(0);
});

const remuda = (args: readonly string[], options: CliOptions = {}) =>
  cli(args, { ...options, env: { ...options.env, REMUDA_URL: pool.url } });

const CSV = `agent_id,specialization,tools,tier,slots,cost_per_hour,protected,labels,memberships
music_1,general,music;voice,premium,1,0.5,true,zone=a;endpoint=http://music-1,guild 1;guild 2
music_2,general,music voice,,2,,no,,
"plain",,,lite,,,,,
`;

describe('a pool that has a key', () => {
  it('takes new credentials, one from stdin or many from a file, and shows none', async () => {
    const key = write('key', `${'0'.repeat(64)}\n`);
    const sealed = await servePool({ REMUDA_KEY_FILE: key });
    const env = { REMUDA_URL: sealed.url };
    const agents = write('agents.csv', 'agent_id,credential\nbot_1,old-1\nbot_2,old-2\n');
    expect((await cli(['agents', 'import', agents], { env })).code).toBe(0);

    const one = await cli(['agents', 'rotate', 'bot_1'], { env, input: 'new-secret\n' });
    expect(one).toMatchObject({ code: 0, stdout: 'bot_1 has a new credential\n', stderr: '' });
    const file = write('rotated.csv', 'agent_id,credential\nbot_1,secret-a\nbot_9,secret-b\n');
    const many = await cli(['agents', 'rotate', '--file', file, '--json'], { env });
    expect(many.code).toBe(1);
    expect(many.json).toMatchObject({
      agents: [{ agent_id: 'bot_1' }],
      errors: [{ agent_id: 'bot_9', code: 'NOT_FOUND' }],
    });
    const bad = write('bad.csv', 'agent_id,credential\nbot_1,\nbot_2,x\n');
    const refused = await cli(['agents', 'rotate', '--file', bad], { env });
    expect(refused.stderr).toContain('1 fault; nothing was changed');
    const none = await cli(['agents', 'rotate', 'bot_1'], { env });
    expect(none).toMatchObject({ code: 2 });
    expect(none.stderr).toContain('no credential');
    expect((await cli(['agents', 'rotate'], { env })).code).toBe(2);
    const shown = [one, many, refused].map(({ stdout, stderr }) => stdout + stderr).join();
    expect(shown).not.toMatch(/secret/);
    expect((await sealed.stop()).code).toBe(0);
  });
});

describe('a pool, from the first agent to the last lease', () => {
  it('registers the agents of a CSV file, and twice is once', async () => {
    const file = write('agents.csv', CSV);
    const checked = await remuda(['agents', 'import', file, '--dry-run', '--json']);
    expect(checked.json).toEqual({ file, agents: 3, dry_run: true, registered: 0, unchanged: 0 });
    const first = await remuda(['agents', 'import', file]);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toBe(`3 agents registered at ${pool.url}.\n`);
    const again = await remuda(['agents', 'import', file, '--json']);
    expect(again.json).toMatchObject({ agents: 3, registered: 0, unchanged: 3 });
  });

  it('registers the agents of JSON lines from stdin', async () => {
    const input = '{"agent_id":"line_1","tools":["chat"]}\n\n{"agent_id":"line_2"}\n';
    const { code, json } = await remuda(['agents', 'import', '-', '--json'], { input });
    expect(code).toBe(0);
    expect(json).toMatchObject({ agents: 2, registered: 2 });
  });

  it('lists them, page by page', async () => {
    const all = await remuda(['agents', 'list', '--json']);
    expect(all.json.items.map((agent: { agent_id: string }) => agent.agent_id)).toEqual([
      'music_1',
      'music_2',
      'plain',
      'line_1',
      'line_2',
    ]);
    expect(all.json.items[0]).toMatchObject({
      tools: ['music', 'voice'],
      tier: 'premium',
      cost_per_hour: 0.5,
      protected: true,
      labels: { zone: 'a', endpoint: 'http://music-1' },
      memberships: ['guild 1', 'guild 2'],
    });
    const some = await remuda(['agents', 'list', '--tool', 'music', '--limit', '1']);
    expect(some.stdout).toMatch(/^AGENT +SPECIALIZATION .*\nmusic_1 .*music voice\n$/);
    const none = await remuda(['agents', 'list', '--specialization', 'none', '--json']);
    expect(none.json).toEqual({ items: [] });
  });

  it('leases, uses again, explains and releases', async () => {
    const dry = await remuda(['lease', 'g', '--tool', 'music', '--dry-run', '--explain']);
    expect(dry.stdout).toContain('It would be granted');
    expect(dry.stdout).toContain('Of 5 agents 2 were free and fit.');
    expect(dry.stdout).toContain('3 MISSING_TOOLS');
    const args = ['lease', 'g', '--tool', 'music', '--tool', 'voice', '--min-tier', 'premium'];
    const granted = await remuda([...args, '--metadata', '{"song":"x"}', '--json']);
    expect(granted.code).toBe(0);
    expect(granted.json).toMatchObject({
      outcome: 'granted',
      reused: false,
      leases: [{ tenant: 'g', agent_id: 'music_1', metadata: { song: 'x' } }],
    });
    const id: string = granted.json.leases[0].lease_id;
    const again = await remuda(args);
    expect(again.stdout).toMatch(new RegExp(`^LEASE.*\\n${id} +music_1 +\\d+ +\\w+ +yes `));
    const released = await remuda(['release', id, '--json']);
    expect(released.json).toMatchObject({
      leases: [{ lease_id: id, reason: 'released' }],
      errors: [],
    });
    const mixed = await remuda(['release', id, 'lse-9-9']);
    expect(mixed.code).toBe(1);
    expect(mixed.stdout).toContain(`${id} released`);
    expect(mixed.stderr).toContain('lse-9-9: NOT_FOUND');
  });

  it('queues, and says so; refuses, and says why', async () => {
    const hold = ['lease', 'a', '--tool', 'chat', '--json', '--idempotency-key', 'k1'];
    const held = await remuda(hold);
    expect((await remuda(hold)).json).toEqual(held.json);
    const queued = await remuda(['lease', 'b', '--tool', 'chat']);
    expect(queued.code).toBe(0);
    expect(queued.stdout).toMatch(/^Queued as tkt-\d+: position 1, about .* It gives up at /);
    const refused = await remuda(['lease', 'c', '--tool', 'chat', '--no-queue', '--json']);
    expect(refused.code).toBe(1);
    expect(refused.json).toMatchObject({ code: 'AGENT_POOL_EXHAUSTED', status: 503 });
    const never = await remuda(['lease', 'c', '--tool', 'flying']);
    expect(never.code).toBe(1);
    expect(never.stderr).toMatch(/^remuda: NO_SUCH_CAPABILITY: /);
    const wrong = await remuda(['lease', 'c', '--lifetime', '0.5']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('INVALID_REQUEST');
  });

  it('waits for an agent that comes free', async () => {
    const { json } = await remuda(['lease', 'w1', '--tool', 'music', '--count', '2', '--json']);
    const waiting = remuda([
      'lease',
      'w2',
      '--tool',
      'music',
      '--count',
      '2',
      '--wait',
      '20',
      '--json',
    ]);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const ids = json.leases.map((lease: { lease_id: string }) => lease.lease_id);
    await remuda(['release', ...ids]);
    expect((await waiting).json).toMatchObject({ outcome: 'granted' });
  });

  it('takes agents out of service and back', async () => {
    const drained = await remuda(['agents', 'drain', 'plain', 'line_2']);
    expect(drained).toMatchObject({ code: 0, stdout: 'plain is draining\nline_2 is draining\n' });
    const resumed = await remuda(['agents', 'resume', 'plain', '--json']);
    expect(resumed.json).toMatchObject({ agents: [{ agent_id: 'plain', phase: 'available' }] });
    const retired = await remuda(['agents', 'retire', 'line_1', 'nobody', '--force', '--json']);
    expect(retired.code).toBe(1);
    expect(retired.json).toMatchObject({
      agents: [{ agent_id: 'line_1', phase: 'retired' }],
      errors: [{ agent_id: 'nobody', code: 'NOT_FOUND' }],
    });
  });

  it('says how it is doing', async () => {
    const { code, json } = await remuda(['status', '--json']);
    expect(code).toBe(0);
    expect(json).toMatchObject({ url: pool.url, ready: true, stats: { agents: { total: 4 } } });
    const words = await remuda(['status']);
    expect(words.stdout).toContain(`${pool.url} is ready.\n`);
    expect(words.stdout).toMatch(/^utilization +\d/m);
  });

  it('has a journal that can be checked and read beside it', async () => {
    const report = await cli(['journal', 'verify', pool.data, '--json']);
    expect(report.code).toBe(0);
    expect(report.json).toMatchObject({ ok: true, first_event: 1, faults: [] });
    const all = await cli(['journal', 'export', `file:${pool.data}`]);
    const events = all.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events[0]).toMatchObject({ number: 1, type: 'agent_registered', agent_id: 'music_1' });
    expect(all.stdout).not.toContain('answer_kept');
    const [from, to] = [events[3].number, events[10].number];
    const types = 'agent_registered,lease_granted';
    const part = await cli([
      'journal',
      'export',
      pool.data,
      '--from',
      `${from}`,
      '--to',
      `${to}`,
      '--types',
      types,
    ]);
    const wanted = events.filter(
      ({ number, type }) => number >= from && number <= to && types.split(',').includes(type),
    );
    expect(
      part.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual(wanted);
    const unknown = await cli(['journal', 'export', pool.data, '--types', 'lease_grantd']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('did you mean "lease_granted"?');
  });

  it('is not started twice on the same port or the same data', async () => {
    const port = new URL(pool.url).port;
    const samePort = await cli(['serve', `--port=${port}`, '--journal.url=memory:', '--log.file=']);
    expect(samePort.code).toBe(1);
    expect(samePort.stderr).toContain(`Port ${port} on 127.0.0.1 is taken`);
    const sameData = await cli(['serve', '--port=0', `--data=${pool.data}`, '--log.file=']);
    expect(sameData.code).toBe(1);
    expect(sameData.stderr).toContain('is in use by another Remuda');
  });
});
