/** What becomes of the agents of a manager that was killed. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { AdoptedAgent } from '../../src/host/provisioner.ts';
import {
  eventually,
  exitsOf,
  expectRefusal,
  freePort,
  isRunning,
  killProcess,
  noProc,
  POLITE,
  STUBBORN,
  shell,
  Yard,
} from './provisioner-tools.ts';

/** Prints for ever, as a real agent does, and ends when it is asked to. */
const CHATTY = 'i=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.02; done';

const recordOf = (yard: Yard, agentId: string) => join(yard.logs, `${agentId}.process.json`);

describe.skipIf(noProc)('after its manager was killed', () => {
  it('an agent works on, and is found again with all that is known of it', async () => {
    const yard = await Yard.open();
    const launches = [
      await yard.launch('agent-1', shell(CHATTY)),
      await yard.launch('agent-2', shell(POLITE)),
      await yard.launch('agent-3', shell(STUBBORN)),
    ];
    const manager = await yard.manager(launches);
    const [one, two, three] = launches.map(({ agentId }) => manager.pidOf(agentId));
    await yard.outputWith('agent-2', 'ready');
    await yard.outputWith('agent-3', 'ready');
    await manager.kill();
    const before = await yard.output('agent-1');
    await eventually('it prints on', async () => (await yard.output('agent-1')) > `${before}line`);

    const provisioner = yard.provisioner({ stopGraceMs: 300 });
    const exits = exitsOf(provisioner);
    const offered: AdoptedAgent[] = [];
    const adopted = await provisioner.adopt((found) => {
      offered.push(found);
      return found.agentId !== 'agent-3';
    });
    const expected = launches.map(({ agentId, port, specialization }) => {
      return { agentId, port, specialization, pid: manager.pidOf(agentId) };
    });
    const byId = (a: AdoptedAgent, b: AdoptedAgent) => (a.agentId < b.agentId ? -1 : 1);
    expect(offered.sort(byId)).toEqual(expected);
    expect([...adopted].sort(byId)).toEqual(expected.slice(0, 2));
    // The unwanted one is gone by now, and nobody is told: it never was ours.
    expect(isRunning(three!)).toBe(false);
    expect(yard.processes('agent-3')).toEqual([]);
    expect(exits).toEqual([]);
    expect(isRunning(one!) && isRunning(two!)).toBe(true);

    const now = await yard.output('agent-1');
    await eventually('it prints on', async () => (await yard.output('agent-1')) > `${now}line`);
    expect(await provisioner.adopt(() => false)).toEqual([]);
    await expectRefusal(provisioner.start(launches[0]!), `it still has process ${one}`);

    killProcess(one!);
    await eventually('its end is noticed', () => exits.length === 1);
    expect(exits[0]).toMatchObject({ agentId: 'agent-1', pid: one, how: 'gone', asked: false });
    expect(exits[0]!.livedMs).toBeGreaterThan(0);
    // Also one that is stopped just now.
    killProcess(two!, 'SIGSTOP');
    await provisioner.stop('agent-2');
    expect(exits[1]).toMatchObject({ agentId: 'agent-2', pid: two, how: 'gone', asked: true });
    expect(yard.processes()).toEqual([]);
    expect(await readdir(yard.logs)).not.toContain('agent-1.process.json');
  });

  it('is not doubled by the next manager, and that one can be killed as well', async () => {
    const yard = await Yard.open();
    const launch = await yard.launch('agent-1', ['sleep', '99']);
    const first = await yard.manager([launch]);
    const pid = first.pidOf('agent-1');
    await first.kill();
    const refused = yard.provisioner();
    await expectRefusal(
      refused.start({ ...launch, port: await freePort() }),
      `still runs (pid ${pid})`,
    );
    for (let life = 0; life < 3; life++) {
      const second = await yard.manager([await yard.launch(`other-${life}`, ['sleep', '99'])]);
      await second.kill();
    }
    const provisioner = yard.provisioner();
    expect(await provisioner.adopt(() => true)).toHaveLength(4);
    expect(yard.processes()).toHaveLength(4);
    await provisioner.close();
    expect(yard.processes()).toEqual([]);
  });

  it('keeps what it has started, and takes it along in the end', async () => {
    const yard = await Yard.open();
    const script = `setsid sleep 99 & sleep 98 & env -i sleep 97 & ${POLITE}`;
    const manager = await yard.manager([await yard.launch('agent-1', shell(script))]);
    await eventually('all run', () => yard.processes().length >= 3);
    await manager.kill();
    const provisioner = yard.provisioner();
    const pid = manager.pidOf('agent-1');
    expect(await provisioner.adopt(() => true)).toMatchObject([{ agentId: 'agent-1', pid }]);
    expect(yard.processes().length).toBeGreaterThanOrEqual(3);
    await provisioner.stop('agent-1');
    expect(yard.processes()).toEqual([]);
  });

  it('leaves nothing of an agent that died meanwhile', async () => {
    const yard = await Yard.open();
    const script = `setsid sleep 99 & sleep 98 & (trap '' TERM; while :; do sleep 0.05; done) & ${POLITE}`;
    const launch = await yard.launch('agent-1', shell(script));
    const manager = await yard.manager([launch]);
    await eventually('all run', () => yard.processes().length >= 4);
    await manager.kill();
    killProcess(manager.pidOf('agent-1'));
    await eventually('it is dead', () => !isRunning(manager.pidOf('agent-1')));
    const provisioner = yard.provisioner({ stopGraceMs: 200 });
    await expectRefusal(provisioner.start(launch), 'what an earlier one has started still runs');
    // Nothing is offered: what leads a session of its own is not the agent.
    expect(await provisioner.adopt(() => true)).toEqual([]);
    expect(yard.processes()).toEqual([]);
    await provisioner.start(launch);
  });

  it('is found without its environment', async () => {
    const yard = await Yard.open();
    const launch = await yard.launch('agent-1', shell('exec env -i sleep 99'));
    const manager = await yard.manager([launch]);
    const pid = manager.pidOf('agent-1');
    onTestFinished(() => killProcess(pid));
    await eventually('it has no environment', () => yard.processes().length === 0);
    await manager.kill();
    const provisioner = yard.provisioner();
    await expectRefusal(provisioner.start({ ...launch, port: await freePort() }), `(pid ${pid})`);
    const { port } = launch;
    expect(await provisioner.adopt(() => true)).toEqual([
      { agentId: 'agent-1', specialization: 'music', port, pid },
    ]);
    await provisioner.stop('agent-1');
    expect(isRunning(pid)).toBe(false);
  });

  it.each([
    ['missing', null],
    ['empty', ''],
    ['half', '{"agentId":"agent-1","pi'],
    ['null', 'null'],
    ['of something else', '{"pid":1}'],
  ])('is found when the note on it is %s', async (_, text) => {
    const yard = await Yard.open();
    const launch = await yard.launch('agent-1', shell(`setsid sleep 99 & ${POLITE}`));
    const manager = await yard.manager([launch]);
    await manager.kill();
    if (text === null) await rm(recordOf(yard, 'agent-1'));
    else await writeFile(recordOf(yard, 'agent-1'), text);
    const provisioner = yard.provisioner();
    expect(await provisioner.adopt(() => true)).toEqual([
      {
        agentId: 'agent-1',
        specialization: 'music',
        port: launch.port,
        pid: manager.pidOf('agent-1'),
      },
    ]);
  });

  it('is let alone when the question whether it is wanted fails', async () => {
    const yard = await Yard.open();
    const launches = [
      await yard.launch('agent-1', ['sleep', '99']),
      await yard.launch('agent-2', ['sleep', '99']),
    ];
    const manager = await yard.manager(launches);
    await manager.kill();
    const provisioner = yard.provisioner();
    let asked = 0;
    const failing = provisioner.adopt(() => {
      asked += 1;
      if (asked === 2) throw new Error('no answer');
      return false;
    });
    await expect(failing).rejects.toThrow('no answer');
    expect(yard.processes()).toHaveLength(2);
    expect(await provisioner.adopt(() => true)).toHaveLength(2);
  });
});

describe.skipIf(noProc)('a number that is used again', () => {
  it.each([
    ['began at another time', { startTicks: 1 }],
    ['was started before the machine', { bootId: 'another-boot' }],
    ['belongs to another pool', { poolId: 'another-pool' }],
  ])('names a process that %s: it is neither adopted nor ended', async (_, change) => {
    const yard = await Yard.open();
    // A process that is nobody's agent stands in for whoever got the number.
    const stranger = await Yard.open();
    const strangersPid = await stranger
      .provisioner()
      .start(await stranger.launch('agent-1', ['sleep', '99']));
    const record = JSON.parse(await readFile(recordOf(stranger, 'agent-1'), 'utf8'));
    expect(record.pid).toBe(strangersPid);

    const launch = await yard.launch('agent-1', ['sleep', '99']);
    const manager = await yard.manager([launch]);
    await manager.kill();
    killProcess(manager.pidOf('agent-1'));
    await eventually('it is dead', () => yard.processes().length === 0);
    const forged = { ...record, poolId: yard.poolId, ...change };
    await writeFile(recordOf(yard, 'agent-1'), JSON.stringify(forged));

    const provisioner = yard.provisioner({ stopGraceMs: 100 });
    expect(await provisioner.adopt(() => true)).toEqual([]);
    await provisioner.stop('agent-1');
    await provisioner.start(launch);
    await provisioner.close();
    expect(isRunning(strangersPid)).toBe(true);
  });
});

/** The kernel's newest pid. Who may write it can choose the next one. */
const NEWEST_PID = '/proc/sys/kernel/ns_last_pid';

function mayChoosePids(): boolean {
  try {
    accessSync(NEWEST_PID, constants.W_OK);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
}

if (!mayChoosePids()) console.warn('Skipped: a stranger with the pid of an agent: needs root.');

describe.skipIf(!mayChoosePids())('a stranger that gets the pid of an agent', () => {
  /** A process with that pid, leading a group, or null if another program was quicker. */
  function impostor(pid: number): number | null {
    writeFileSync(NEWEST_PID, String(pid - 1));
    const child = spawn('sh', ['-c', 'sleep 99 & sleep 99'], { detached: true, stdio: 'ignore' });
    onTestFinished(() => killProcess(-child.pid!));
    return child.pid === pid ? pid : null;
  }

  it.each(['stop', 'watch'] as const)('is not ended (%s)', async (how) => {
    for (;;) {
      const yard = await Yard.open();
      // Started here, so that its number is free at once, and adopted by another manager.
      const pid = await yard.provisioner().start(await yard.launch('agent-1', ['sleep', '99']));
      const provisioner = yard.provisioner({ stopGraceMs: 100 });
      const exits = exitsOf(provisioner);
      expect(await provisioner.adopt(() => true)).toHaveLength(1);
      killProcess(pid);
      await eventually('it is dead', () => !existsSync(`/proc/${pid}`));
      if (impostor(pid) === null || exits.length > 0) continue;
      if (how === 'stop') await provisioner.stop('agent-1');
      await eventually('the end is told', () => exits.length === 1);
      expect(exits).toMatchObject([{ pid, how: 'gone' }]);
      await provisioner.close();
      expect(isRunning(pid)).toBe(true);
      return;
    }
  });
});
