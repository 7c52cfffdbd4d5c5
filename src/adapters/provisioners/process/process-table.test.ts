import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { canSeeProcesses, isAlive, ProcessTable, readProcess } from './process-table.ts';

describe.skipIf(!canSeeProcesses())('the table of processes', () => {
  it('knows a process by its pid and its start', () => {
    const own = readProcess(process.pid);
    expect(own).toMatchObject({ pid: process.pid });
    expect(isAlive(own!)).toBe(true);
    expect(isAlive({ ...own!, startTicks: own!.startTicks - 1 })).toBe(false);
    // Above the largest number that Linux gives away.
    expect(readProcess(2 ** 22 + 1)).toBeNull();
  });

  it('has neither zombies nor those of other pools', async () => {
    const env = (poolId: string) => ({
      REMUDA_POOL_ID: poolId,
      REMUDA_AGENT_ID: 'a(b) c\nd=e',
      REMUDA_PORT: '80',
      REMUDA_SPECIALIZATION: '',
    });
    const id = crypto.randomUUID();
    const script = 'exec sleep 99';
    const children = [id, `${id}x`, `x${id}`, ''].map((poolId) =>
      spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore', env: env(poolId) }),
    );
    onTestFinished(() => {
      for (const child of children) child.kill('SIGKILL');
    });
    const table = new ProcessTable(id);
    const marked = async () => (await table.read()).filter(({ mark }) => mark !== null);
    const found = await marked();
    expect(found).toMatchObject([
      { pid: children[0]!.pid, mark: { agentId: 'a(b) c\nd=e', port: 80, specialization: '' } },
    ]);
    process.kill(children[0]!.pid!, 'SIGKILL');
    // Until this turn of the event loop ends nobody collects its exit status.
    const end = Date.now() + 10_000;
    while (isAlive(found[0]!) && Date.now() < end);
    expect(isAlive(found[0]!)).toBe(false);
    expect(existsSync(`/proc/${found[0]!.pid}`)).toBe(true);
    expect(await marked()).toEqual([]);
  });

  it('shares a scan among those who ask together, and makes a new one for who asks later', async () => {
    const table = new ProcessTable('none');
    const [first, second] = [table.read(), table.read()];
    expect(second).toBe(first);
    await first;
    expect(table.read()).not.toBe(first);
  });
});
