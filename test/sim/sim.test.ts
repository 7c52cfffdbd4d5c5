/** Short simulated runs, each in a process of its own: they replace the clock and the timers. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { mutated } from './mutants.ts';
import { MUTATIONS } from './mutations.ts';
import { FOUND } from './seeds.ts';

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
const run = promisify(execFile);

interface Line {
  readonly seed?: number;
  readonly digest: string;
  readonly violation: { readonly invariant: string; readonly detail: string } | null;
}

async function simulated(...args: readonly string[]): Promise<Line[]> {
  const done = run(process.execPath, [MAIN, ...args, '--json'], { maxBuffer: 64 * 1024 * 1024 });
  // A finding has an exit code of its own; the lines say more.
  const { stdout } = await done.catch((error: { stdout?: string }) => {
    if (error.stdout) return { stdout: error.stdout };
    throw error;
  });
  const lines = stdout.trim().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

function findings(lines: readonly Line[]): unknown[] {
  return lines.filter(({ violation }) => violation);
}

test('nothing is found in 300 short runs', { timeout: 240_000 }, async () => {
  const lines = await simulated('--seed', '1000', '--seeds', '300', '--steps', '150');
  expect(findings(lines)).toEqual([]);
  expect(lines.filter(({ seed }) => seed !== undefined)).toHaveLength(300);
});

test('the same seed gives the same run, bit for bit', { timeout: 60_000 }, async () => {
  const args = ['--seed', '7', '--seeds', '3', '--steps', '200'];
  const [first, again] = await Promise.all([simulated(...args), simulated(...args)]);
  const digests = first.map(({ digest }) => digest);
  expect(again.map(({ digest }) => digest)).toEqual(digests);
  expect(new Set(digests.filter(Boolean)).size).toBe(3);
});

test.each(FOUND)('seed $seed: $bug', { timeout: 60_000 }, async ({ seed, steps, without = [] }) => {
  const args = ['--seed', String(seed), '--steps', String(steps)];
  const lines = await simulated(...args, '--without', without.join());
  expect(findings(lines)).toEqual([]);
});

test('every known way to break the code still has its place', () => {
  const root = new URL('../../', import.meta.url);
  for (const mutation of MUTATIONS) {
    const source = readFileSync(new URL(mutation.file, root), 'utf8');
    expect(mutated(source, mutation)).not.toBe(source);
  }
});
