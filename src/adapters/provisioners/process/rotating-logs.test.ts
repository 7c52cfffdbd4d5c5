import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RotatingLogs } from './rotating-logs.ts';

async function logsWith(options: { maxBytes: number; filesKept: number }) {
  const directory = await mkdtemp(join(tmpdir(), 'remuda-logs-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const warnings: string[] = [];
  const warn = (_: object, message: string) => warnings.push(message);
  const log = { info: () => undefined, warn, error: () => undefined };
  const logs = new RotatingLogs({ directory, log, ...options });
  const path = logs.pathOf('a');
  const files = async () =>
    Promise.all(
      (await readdir(directory)).sort().map((name) => readFile(join(directory, name), 'utf8')),
    );
  return { logs, path, directory, warnings, files };
}

/** Prints numbered lines into the log, as an agent does, until the test is over. */
async function startWriter(logs: RotatingLogs, script: string): Promise<ChildProcess> {
  const handle = await logs.open('a');
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', handle, handle] });
  closeSync(handle);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function exitOf(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
}

describe('a rotating log', () => {
  it('moves on by one file at a time, and drops the oldest', async () => {
    const { logs, path, files } = await logsWith({ maxBytes: 3, filesKept: 3 });
    await logs.rotateIfLarge('a');
    expect(await files()).toEqual([]);
    const states = [
      ['one', '1111'],
      ['', '2222'],
      ['', '3333'],
      ['', '4444'],
    ];
    for (const [, text] of states) {
      await appendFile(path, text!);
      await Promise.all([logs.rotateIfLarge('a'), logs.rotateIfLarge('a')]);
    }
    expect(await files()).toEqual(['', '4444', '3333']);
    await appendFile(path, '555');
    await logs.rotateIfLarge('a');
    expect(await files()).toEqual(['555', '4444', '3333']);
  });

  it('keeps no older one when one is kept, and removes those that are too many now', async () => {
    const { logs, path, files } = await logsWith({ maxBytes: 3, filesKept: 1 });
    await writeFile(path, '1111');
    await logs.rotateIfLarge('a');
    expect(await files()).toEqual(['']);
    const fewer = await logsWith({ maxBytes: 3, filesKept: 2 });
    await writeFile(fewer.path, '9999');
    for (const number of [1, 2, 3, 4]) await writeFile(`${fewer.path}.${number}`, `${number}`);
    await fewer.logs.rotateIfLarge('a');
    expect(await fewer.files()).toEqual(['', '9999']);
  });

  it('keeps only the end of what has grown while nobody looked', async () => {
    const { logs, path, files } = await logsWith({ maxBytes: 10, filesKept: 3 });
    await writeFile(path, `${'much '.repeat(100_000)}0123456789`);
    await logs.rotateIfLarge('a');
    expect(await files()).toEqual(['', '0123456789']);
  });

  it('is cut, and that is told, when it cannot be kept', async () => {
    const { logs, path, warnings } = await logsWith({ maxBytes: 3, filesKept: 2 });
    await writeFile(path, '1111');
    await mkdir(`${path}.1`);
    await logs.rotateIfLarge('a');
    expect((await stat(path)).size).toBe(0);
    expect(warnings).toEqual(['A log could not be kept, and was cut']);
  });

  it('keeps lines whole, in order and once, while they are being written', async () => {
    const { logs, path } = await logsWith({ maxBytes: 20_000, filesKept: 500 });
    const script = `
      let i = 0;
      const print = () => require('fs').writeSync(1, 'line ' + i++ + '\\n');
      setInterval(() => { for (let n = 0; n < 20; n++) print(); }, 1);
      setTimeout(() => process.exit(), 1500);`;
    const end = exitOf(await startWriter(logs, script));
    let isOver = false;
    void end.then(() => {
      isOver = true;
    });
    while (!isOver) {
      await logs.rotateIfLarge('a');
      await new Promise((resolve) => setTimeout(resolve, 3));
    }
    let text = await readFile(path, 'utf8');
    for (let number = 1; ; number++) {
      const older = await readFile(`${path}.${number}`, 'utf8').catch(() => null);
      if (older === null) break;
      text = older + text;
    }
    const lines = text.trimEnd().split('\n');
    const numbers = lines.map((line) => Number(/^line (\d+)$/.exec(line)?.[1]));
    expect(numbers).not.toContain(Number.NaN);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    // Few are lost: only those that fall between the last look and the cut.
    expect(numbers.length).toBeGreaterThan(0.8 * numbers.at(-1)!);
  });

  it('comes to an end with an agent that writes as fast as it can', async () => {
    const { logs, path } = await logsWith({ maxBytes: 1_000_000, filesKept: 2 });
    const script = `const text = 'x'.repeat(65535) + '\\n'; for (;;) require('fs').writeSync(1, text);`;
    await startWriter(logs, script);
    for (let rotations = 0; rotations < 5; ) {
      const before = await stat(`${path}.1`).catch(() => null);
      await logs.rotateIfLarge('a');
      const after = await stat(`${path}.1`).catch(() => null);
      if (after !== null && after.ino !== before?.ino) rotations += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
});
