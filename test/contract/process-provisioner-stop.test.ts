/** How agents are stopped: nothing that they have started stays, whatever they do about it. */
import { describe, expect, it } from 'vitest';
import {
  eventually,
  exitsOf,
  expectRefusal,
  killProcess,
  membersOf,
  noProc,
  POLITE,
  STUBBORN,
  shell,
  Yard,
} from './provisioner-tools.ts';

/** Starts it and waits until it has set up how it takes signals. */
async function ready(yard: Yard, script: string, stopGraceMs?: number) {
  const provisioner = yard.provisioner({ stopGraceMs });
  const exits = exitsOf(provisioner);
  const pid = await provisioner.start(await yard.launch('agent-1', shell(script)));
  await yard.outputWith('agent-1', 'ready');
  return { provisioner, exits, pid };
}

describe.skipIf(noProc)('stop', () => {
  it('lets a polite process end by itself', async () => {
    const yard = await Yard.open();
    const { provisioner, exits, pid } = await ready(yard, POLITE);
    const [first, second] = [provisioner.stop('agent-1'), provisioner.stop('agent-1')];
    expect(second).toBe(first);
    await first;
    expect(yard.processes()).toEqual([]);
    expect(exits).toEqual([
      { agentId: 'agent-1', pid, how: 'code 7', livedMs: expect.any(Number), asked: true },
    ]);
    await provisioner.stop('agent-1');
    await provisioner.stop('never-there');
    expect(exits).toHaveLength(1);
  });

  it('kills a process that does not listen', async () => {
    const yard = await Yard.open();
    const { provisioner, exits } = await ready(yard, STUBBORN, 150);
    await provisioner.stop('agent-1');
    expect(yard.processes()).toEqual([]);
    expect(exits).toMatchObject([{ how: 'signal SIGKILL', asked: true }]);
  });

  it('ends a stopped process cleanly', async () => {
    const yard = await Yard.open();
    const { provisioner, exits, pid } = await ready(yard, POLITE);
    killProcess(pid, 'SIGSTOP');
    await provisioner.stop('agent-1');
    expect(exits).toMatchObject([{ how: 'code 7', asked: true }]);
  });

  it('ends a stopped group that does not listen', async () => {
    const yard = await Yard.open();
    const { provisioner, exits, pid } = await ready(yard, `(${STUBBORN}) & ${STUBBORN}`, 150);
    killProcess(-pid, 'SIGSTOP');
    await provisioner.stop('agent-1');
    expect(yard.processes()).toEqual([]);
    expect(exits).toMatchObject([{ how: 'signal SIGKILL', asked: true }]);
  });

  it.each([
    ['in its group', "(trap '' TERM; while :; do sleep 0.05; done) &"],
    ['in a session of their own', 'setsid sh -c "trap : TERM; while :; do sleep 0.05; done" &'],
    ['in groups of their own', "bash -c 'set -m; env -i sleep 99 & env -i sleep 98 & exit' &"],
    ['without its environment', 'env -i sleep 99 &'],
    ['stopped', 'sleep 99 & kill -STOP $!;'],
    ['as a daemon', '(setsid sh -c "sleep 99 & sleep 98 &" &);'],
  ])('ends what it has started: %s', async (_, descendants) => {
    const yard = await Yard.open();
    const script = `${descendants} ${descendants} ${POLITE}`;
    const { provisioner, exits, pid } = await ready(yard, script, 400);
    const running = () => [...membersOf(pid), ...yard.processes()];
    // Itself twice, and two of what it has started.
    await eventually('they run', () => running().length >= 4);
    await provisioner.stop('agent-1');
    expect(running()).toEqual([]);
    expect(exits).toMatchObject([{ how: 'code 7', asked: true }]);
  });

  it('ends what multiplies', async () => {
    const yard = await Yard.open();
    const worker = "trap '' TERM; while :; do sleep 0.02 & sleep 0.01; done";
    const script = `for i in 1 2 3; do (${worker}) & done; (setsid sh -c "${worker}" &) ; ${POLITE}`;
    const { provisioner } = await ready(yard, script, 200);
    await provisioner.stop('agent-1');
    expect(yard.processes()).toEqual([]);
  });

  it('gives an agent behind a shell its time', async () => {
    const yard = await Yard.open();
    // The shell ends at once; what it runs needs longer than a left-over process is given.
    const agent =
      'trap "sleep 3; echo tidied up; exit 0" TERM; echo ready; while :; do sleep 0.05; done';
    const { provisioner } = await ready(yard, `sh -c '${agent}' & wait`);
    await provisioner.stop('agent-1');
    expect(await yard.output('agent-1')).toContain('tidied up');
    expect(yard.processes()).toEqual([]);
  });

  it('can be called while the process is being started, or is ending by itself', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const exits = exitsOf(provisioner);
    const launch = await yard.launch('agent-1', ['sleep', '99']);
    const starting = provisioner.start(launch);
    await provisioner.stop('agent-1');
    const pid = await starting;
    expect(exits).toMatchObject([{ pid, how: 'signal SIGTERM', asked: true }]);
    const next = await provisioner.start(launch);
    killProcess(next);
    await provisioner.stop('agent-1');
    expect(exits).toMatchObject([{}, { pid: next, how: 'signal SIGKILL' }]);
    expect(yard.processes()).toEqual([]);
  });
});

describe.skipIf(noProc)('close', () => {
  it('stops all at once and takes nothing new', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner({ stopGraceMs: 300 });
    const exits = exitsOf(provisioner);
    const agentIds = Array.from({ length: 12 }, (_, i) => `agent-${i}`);
    for (const [i, agentId] of agentIds.entries()) {
      await provisioner.start(await yard.launch(agentId, shell(i % 2 ? POLITE : STUBBORN)));
    }
    for (const agentId of agentIds) await yard.outputWith(agentId, 'ready');
    const late = await yard.launch('late', ['sleep', '99']);
    const starting = provisioner.start(late).catch(() => 0);
    await Promise.all([provisioner.close(), provisioner.close()]);
    await starting;
    expect(yard.processes()).toEqual([]);
    expect(exits.filter(({ asked }) => asked).length).toBeGreaterThanOrEqual(12);
    await expectRefusal(provisioner.start(late), 'the pool is stopping');
    await expectRefusal(
      provisioner.adopt(() => true),
      'stopping',
    );
    await provisioner.stop('agent-1');
  });
});
