/** When no process is started, and what the operator is told. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ProcessProvisioner } from '../../src/adapters/provisioners/process/process-provisioner.ts';
import {
  expectRefusal,
  freePort,
  isRunning,
  listenOn,
  noProc,
  POLITE,
  shell,
  URL_OF_POOL,
  Yard,
} from './provisioner-tools.ts';

describe.skipIf(noProc)('a process that cannot be started', () => {
  it('is refused with the program’s name and what to do', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const plain = join(yard.directory, 'plain.txt');
    await writeFile(plain, 'plain\n');
    const orphan = join(yard.directory, 'orphan');
    await writeFile(orphan, '#!/no/such/interpreter\n');
    await chmod(orphan, 0o755);
    const cases: [command: string[], words: string][] = [
      [[], 'The command of the specialization music is empty'],
      [[''], 'The command of the specialization music is empty'],
      [['no-such-program-xyz'], 'no program no-such-program-xyz that this user may run is in'],
      [['/no/such/file'], 'there is no file /no/such/file. Correct the path'],
      [['./missing'], `there is no file ${process.cwd()}/missing`],
      [[plain], `${plain} is not executable for this user. Allow it (chmod +x)`],
      [[yard.directory], `${yard.directory} is not executable`],
      [[orphan], `the interpreter that ${orphan} names in its first line does not exist`],
      [['echo', 'a\0b'], 'holds a NUL byte'],
      [['echo', 'x'.repeat(4_000_000)], 'too long for this system'],
      [['echo', '{portt}'], 'unknown placeholder {portt} in "{portt}"'],
      [['echo', 'a {PORT} b'], 'There are {agent_id}, {port} and {specialization}'],
    ];
    for (const [command, words] of cases) {
      await expectRefusal(provisioner.start(await yard.launch('agent-1', command)), words);
    }
    expect(yard.processes()).toEqual([]);
    // A refusal leaves nothing behind that would refuse the next one.
    await provisioner.start(await yard.launch('agent-1', ['sleep', '99']));
  });

  it('is refused when its log cannot be written', async () => {
    const yard = await Yard.open();
    const file = join(yard.directory, 'file');
    await writeFile(file, '');
    const launch = await yard.launch('agent-1', ['sleep', '99']);
    for (const logDirectory of [file, join(file, 'deeper')]) {
      const refused = yard.provisioner({ logDirectory }).start(launch);
      await expectRefusal(
        refused,
        `The log ${join(logDirectory, 'agent-1.log')} cannot be written`,
      );
    }
    await mkdir(join(yard.logs, 'agent-1.log'), { recursive: true });
    await expectRefusal(yard.provisioner().start(launch), 'it is a directory. Remove it');
    expect(yard.processes()).toEqual([]);
  });

  it('is refused when its port does not exist or is taken', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    for (const port of [0, -1, 1.5, 65_536, Number.NaN]) {
      const launch = { ...(await yard.launch('agent-1', ['sleep', '99'])), port };
      await expectRefusal(provisioner.start(launch), `there is no port ${port}`);
      expect(await provisioner.isPortFree(port)).toBe(false);
    }
    for (const host of ['127.0.0.1', '0.0.0.0', '::', '127.0.0.2']) {
      const launch = await yard.launch('agent-1', ['sleep', '99']);
      const { port } = launch;
      expect(await provisioner.isPortFree(port)).toBe(true);
      await listenOn(port, host);
      expect(await provisioner.isPortFree(port)).toBe(false);
      await expectRefusal(provisioner.start(launch), `port ${port} is taken by another program`);
    }
    const elsewhere = yard.provisioner({ host: '192.0.2.1' });
    const launch = await yard.launch('agent-1', ['sleep', '99']);
    await expectRefusal(elsewhere.start(launch), '192.0.2.1 is not an address of this machine');
  });

  it('is refused when another agent has its port and does not listen yet', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const port = await freePort();
    const launch = (agentId: string) => ({
      agentId,
      specialization: 'music',
      port,
      command: ['sleep', '99'],
    });
    const first = provisioner.start(launch('agent-1'));
    await expectRefusal(
      provisioner.start(launch('agent-2')),
      `port ${port} belongs to agent agent-1`,
    );
    await first;
    await expectRefusal(
      provisioner.start(launch('agent-3')),
      `port ${port} belongs to agent agent-1`,
    );
  });

  it('tries a port for many at the same time', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const port = await freePort();
    const trials = await Promise.all(Array.from({ length: 9 }, () => provisioner.isPortFree(port)));
    expect(trials).toEqual(Array(9).fill(true));
  });
});

describe.skipIf(noProc)('an agent id', () => {
  it('has one process at most', async () => {
    const yard = await Yard.open();
    const provisioner = yard.provisioner();
    const launch = await yard.launch('agent-1', shell(POLITE));
    const first = provisioner.start(launch);
    await expectRefusal(provisioner.start(launch), 'it is being started already');
    const pid = await first;
    await expectRefusal(provisioner.start(launch), `it still has process ${pid}. Stop it first`);
    await yard.outputWith('agent-1', 'ready');
    const stopping = provisioner.stop('agent-1');
    await expectRefusal(provisioner.start(launch), 'it is being stopped');
    await stopping;
    expect(await provisioner.start(launch)).not.toBe(pid);
  });

  it('has one also when a manager does not know of it', async () => {
    const yard = await Yard.open();
    const launch = await yard.launch('agent-1', ['sleep', '99']);
    const pid = await yard.provisioner().start(launch);
    const forgetful = yard.provisioner();
    await expectRefusal(
      forgetful.start({ ...launch, port: await freePort() }),
      `Agent agent-1 cannot be started: an earlier one still runs (pid ${pid}). Stop it first.`,
    );
    await forgetful.stop('agent-1');
    expect(isRunning(pid)).toBe(false);
    await forgetful.start(launch);
  });
});

describe('a pool without an id', () => {
  it('does not exist: it would take the processes of others', () => {
    const options = { poolId: '', url: URL_OF_POOL, logDirectory: '/nowhere' };
    expect(() => new ProcessProvisioner(options)).toThrow(RangeError);
  });
});
