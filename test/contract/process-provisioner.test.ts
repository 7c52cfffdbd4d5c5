/** How agents are started as processes, and what they are told. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExternalProvisioner } from '../../src/adapters/provisioners/external.ts';
import {
  eventually,
  exitsOf,
  expectRefusal,
  isRunning,
  killProcess,
  noProc,
  shell,
  URL_OF_POOL,
  Yard,
} from './provisioner-tools.ts';

const openHandles = async () => (await readdir('/proc/self/fd')).length;

describe.skipIf(noProc)('a process that is started', () => {
  it('gets its arguments filled in, its environment and a group of its own', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const script = join(yard.directory, 'agent.mjs');
    await writeFile(
      script,
      `console.log(JSON.stringify({ args: process.argv.slice(2), env: process.env }));
       console.error('to stderr');
       setInterval(() => {}, 1000);`,
    );
    const texts = ['{"id": "{agent_id}"}', '{ port }', '{}', '{specialization}-{port}', '{a-b}'];
    const launch = await yard.launch('agent-1', [process.execPath, script, ...texts]);
    const pid = await provisioner.start(launch);
    expect(isRunning(pid)).toBe(true);
    const output = await yard.outputWith('agent-1', 'to stderr');
    const { args, env } = JSON.parse(output.split('\n')[0] ?? '');
    const { port } = launch;
    expect(args).toEqual(['{"id": "agent-1"}', '{ port }', '{}', `music-${port}`, '{a-b}']);
    expect(env).toMatchObject({
      REMUDA_AGENT_ID: 'agent-1',
      REMUDA_PORT: String(port),
      REMUDA_SPECIALIZATION: 'music',
      REMUDA_URL: URL_OF_POOL,
      REMUDA_POOL_ID: yard.poolId,
      PATH: process.env.PATH,
    });
    expect(yard.processes()).toEqual([pid]);
    // Nobody but its user and group may read what an agent prints.
    expect((await stat(join(yard.logs, 'agent-1.log'))).mode & 0o007).toBe(0);
    await provisioner.stop('agent-1');
    expect(isRunning(pid)).toBe(false);
  });

  it('does not get the secrets of the manager, nor its standard input', async () => {
    const yard = await Yard.open();
    const env = {
      PATH: process.env.PATH,
      REMUDA_KEY: 'k-secret',
      REMUDA_API_KEY: 'a-secret',
      REMUDA_JOURNAL_URL: 'j-secret',
      REMUDA_AGENT_ID: 'other-secret',
      PLAIN: 'plain',
      UNSET: undefined,
    };
    const provisioner = yard.provisioner({ env });
    await provisioner.start(await yard.launch('agent-1', shell('cat; env; echo done; sleep 99')));
    const output = await yard.outputWith('agent-1', 'done');
    expect(output).not.toContain('secret');
    expect(output).toContain('PLAIN=plain');
    expect(output).not.toContain('UNSET');
    const names = [...output.matchAll(/^(REMUDA_\w+)=/gm)].map(([, name]) => name).sort();
    expect(names).toEqual([
      'REMUDA_AGENT_ID',
      'REMUDA_POOL_ID',
      'REMUDA_PORT',
      'REMUDA_SPECIALIZATION',
      'REMUDA_URL',
    ]);
  });

  it('appends to the log of the life before, whatever its id looks like', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const exits = exitsOf(provisioner);
    const agentIds = ['..x', '%2e', 'エージェント', '🤖'.repeat(60), '🤖'.repeat(61), '-rf', '*?'];
    for (const life of [1, 2]) {
      for (const agentId of agentIds) {
        await provisioner.start(await yard.launch(agentId, shell(`echo life ${life}`)));
      }
      const count = life * agentIds.length;
      await eventually('all have ended', () => exits.length === count);
    }
    const files = await readdir(yard.logs);
    expect(files).toHaveLength(agentIds.length);
    for (const file of files) expect((await stat(join(yard.logs, file))).size).toBe(14);
  });

  it('leaves no handle open, whether it can be started or not', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const once = async (command: readonly string[]) => {
      await provisioner.start(await yard.launch('agent-1', command)).catch(() => undefined);
      await provisioner.stop('agent-1');
    };
    await once(['true']);
    const before = await openHandles();
    for (let i = 0; i < 10; i++) {
      await once(['sleep', '99']);
      await once(['/there/is/no/such/program']);
      await once(['{what}']);
    }
    expect(await openHandles()).toBe(before);
  });
});

describe.skipIf(noProc)('two pools', () => {
  it('leave each other’s processes alone', async () => {
    const [one, two] = [await Yard.open(), await Yard.open()];
    const launch = await one.launch('agent-1', ['sleep', '99']);
    const pid = await one.provisioner().start(launch);
    // Even in one log directory, which is a mistake.
    for (const logDirectory of [two.logs, one.logs]) {
      const provisioner = two.provisioner({ logDirectory });
      expect(await provisioner.adopt(() => true)).toEqual([]);
      await provisioner.stop('agent-1');
      await provisioner.start(await two.launch('agent-1', ['sleep', '99']));
      await provisioner.close();
      expect(two.processes()).toEqual([]);
      expect(isRunning(pid)).toBe(true);
    }
  });
});

describe('agents that come by themselves', () => {
  it('are not started, and nothing else is in their way', async () => {
    const provisioner = new ExternalProvisioner();
    expect(await provisioner.adopt()).toEqual([]);
    const launch = { agentId: 'agent-1', specialization: 'music', port: 1, command: [] };
    await expectRefusal(provisioner.start(launch), 'agents of the specialization music come by');
    await provisioner.stop();
    expect(await provisioner.isPortFree()).toBe(true);
    provisioner.onExit()();
    await provisioner.close();
  });
});

describe.skipIf(noProc)('a process that ends by itself', () => {
  it('is reported once, with how it ended, when its id can be used again', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const exits = exitsOf(provisioner);
    provisioner.onExit(() => {
      throw new Error('a faulty listener');
    });
    const reports: string[] = [];
    const takeBack = provisioner.onExit(({ agentId }) => reports.push(agentId));
    const pid = await provisioner.start(await yard.launch('agent-1', shell('exit 3')));
    await eventually('it has ended', () => exits.length === 1);
    expect(exits[0]).toEqual({
      agentId: 'agent-1',
      pid,
      how: 'code 3',
      livedMs: expect.any(Number),
      asked: false,
    });
    takeBack();
    const next = await provisioner.start(await yard.launch('agent-1', ['sleep', '99']));
    killProcess(next, 'SIGQUIT');
    await eventually('the next has ended', () => exits.length === 2);
    expect(exits[1]).toMatchObject({ pid: next, how: 'signal SIGQUIT', asked: false });
    expect(reports).toEqual(['agent-1']);
    await provisioner.stop('agent-1');
    expect(exits).toHaveLength(2);
    expect((await readdir(yard.logs)).sort()).toEqual(['agent-1.log']);
  });

  it('takes with it what it has started, before it is reported', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner({ stopGraceMs: 200 });
    const seen: number[][] = [];
    provisioner.onExit(() => seen.push(yard.processes()));
    const script = `(trap '' TERM; while :; do sleep 0.05; done) & setsid sleep 99 & exit 0`;
    await provisioner.start(await yard.launch('agent-1', shell(script)));
    await eventually('it has ended', () => seen.length === 1);
    expect(seen).toEqual([[]]);
  });

  it('can be started again by whoever hears of it', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const launch = await yard.launch('agent-1', shell('exit 1'));
    const pids = new Set<number>();
    const faults: unknown[] = [];
    provisioner.onExit(({ pid }) => {
      pids.add(pid);
      if (pids.size < 5) provisioner.start(launch).catch((error: unknown) => faults.push(error));
    });
    await provisioner.start(launch);
    await eventually('it has ended five times', () => pids.size === 5 || faults.length > 0);
    expect(faults).toEqual([]);
  });
});
