/** How the output of agents is kept. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventually, exitsOf, noProc, shell, Yard } from './provisioner-tools.ts';

const COUNTING = 'i=0; while :; do i=$((i+1)); echo "line $i of the agent"; sleep 0.001; done';

const KEPT = ['agent-1.log', 'agent-1.log.1', 'agent-1.log.2'];

const logsIn = async (yard: Yard) =>
  (await readdir(yard.logs)).filter((name) => name.includes('.log')).sort();

/** The numbers of all lines that are kept, oldest first. */
async function lines(yard: Yard): Promise<number[]> {
  const files = (await logsIn(yard)).reverse();
  const texts = await Promise.all(files.map((name) => readFile(join(yard.logs, name), 'utf8')));
  return texts
    .join('')
    .split('\n')
    .flatMap((line) => /^line (\d+) of the agent$/.exec(line)?.[1] ?? [])
    .map(Number);
}

describe.skipIf(noProc)('the output of an agent', () => {
  it('is what its latest process has printed last', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const exits = exitsOf(provisioner);
    const endOf = async (script: string) => {
      const before = exits.length;
      await provisioner.start(await yard.launch('agent-1', shell(script)));
      await eventually('it has ended', async () => exits.length > before);
      return provisioner.output('agent-1');
    };
    expect(await endOf('echo one; echo two >&2; exit 3')).toEqual({
      path: join(yard.logs, 'agent-1.log'),
      lastLines: ['one', 'two'],
    });
    expect(await endOf('exit 3')).toMatchObject({ lastLines: [] });
    expect(await endOf('seq 1 9')).toMatchObject({ lastLines: ['5', '6', '7', '8', '9'] });
  });

  it('is none of an agent that there never was', async () => {
    const provisioner = (await Yard.open()).provisioner();
    expect(await provisioner.output('agent-1')).toMatchObject({ lastLines: [] });
  });
});

describe.skipIf(noProc)('a log that grows', () => {
  it('is rotated while its agent writes, and lines stay in order', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner({ logMaxBytes: 2_000 });
    await provisioner.start(await yard.launch('agent-1', shell(COUNTING)));
    await eventually('it is rotated', async () => (await logsIn(yard)).length === 2);
    await provisioner.stop('agent-1');
    const numbers = await lines(yard);
    expect(numbers.length).toBeGreaterThan(50);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('is rotated also for an agent that was adopted', async () => {
    const yard = await Yard.open();
    const manager = await yard.manager([await yard.launch('agent-1', shell(COUNTING))]);
    await manager.kill();
    const provisioner = yard.provisioner({ logMaxBytes: 2_000 });
    expect(await provisioner.adopt(() => true)).toHaveLength(1);
    await eventually('it is rotated', async () => (await logsIn(yard)).length === 2);
    await provisioner.stop('agent-1');
    const numbers = await lines(yard);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  });

  it('is rotated before a start, for agents that end sooner than anybody looks', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner({ logMaxBytes: 100 });
    const exits = exitsOf(provisioner);
    const script = 'i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo "line $i of the agent"; done';
    for (let life = 1; life <= 5; life++) {
      await provisioner.start(await yard.launch('agent-1', shell(script)));
      await eventually('it has ended', () => exits.length === life);
    }
    expect(await logsIn(yard)).toEqual(KEPT);
    for (const name of KEPT) expect((await stat(join(yard.logs, name))).size).toBeLessThan(600);
  });
});
