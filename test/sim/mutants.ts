/**
 * Shows that the simulation finds bugs: breaks a copy of the code in one known way after the other,
 * and counts the seeds until that is noticed.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTATIONS, type Mutation } from './mutations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a run needs of the checkout. */
const COPIED = ['src', 'test/sim', 'test/property', 'package.json'];
/** A mutant may keep a run from ever ending. */
const LONGEST_MS = 600_000;

export interface Found {
  readonly mutation: string;
  /** Null where no seed has found it. */
  readonly seed: number | null;
  readonly steps: number;
  readonly invariant: string;
  readonly tookMs: number;
}

export interface MutantOptions {
  /** Seeds tried for each. */
  readonly most: number;
  readonly steps: number;
  /** A part of the name of those to try. */
  readonly only: string | undefined;
  readonly json: boolean;
}

/** The exit code: 0 where all were found. */
export async function findMutants({ most, steps, only, json }: MutantOptions): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-mutants-'));
  const found: Found[] = [];
  try {
    for (const path of COPIED) {
      cpSync(join(ROOT, path), join(directory, path), { recursive: true });
    }
    symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'));
    for (const mutation of MUTATIONS) {
      if (only !== undefined && !mutation.name.includes(only)) continue;
      const original = readFileSync(join(directory, mutation.file), 'utf8');
      writeFileSync(join(directory, mutation.file), mutated(original, mutation));
      const each = await hunt(directory, mutation, most, steps);
      writeFileSync(join(directory, mutation.file), original);
      found.push(each);
      if (!json) process.stdout.write(`${row(each)}\n`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const missed = found.filter(({ seed }) => seed === null).length;
  if (json) process.stdout.write(`${JSON.stringify({ found, missed })}\n`);
  else process.stdout.write(`${found.length - missed} of ${found.length} mutants found\n`);
  return missed === 0 ? 0 : 1;
}

/** Throws unless what is to be replaced is there exactly once. */
export function mutated(source: string, { name, file, from, to }: Mutation): string {
  const count = source.split(from).length - 1;
  if (count !== 1) throw new Error(`"${name}": ${file} has ${count} places to change, not one`);
  return source.replace(from, () => to);
}

function hunt(
  directory: string,
  { name, seed = 1 }: Mutation,
  most: number,
  steps: number,
): Promise<Found> {
  const args = [
    '--seed',
    String(seed),
    '--seeds',
    String(most),
    '--steps',
    String(steps),
    '--json',
    '--no-shrink',
  ];
  const child = spawn(process.execPath, [join(directory, 'test/sim/main.ts'), ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: LONGEST_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  return new Promise((resolve) => {
    child.on('close', () => resolve(outcomeOf(name, output)));
  });
}

interface Line {
  readonly seed?: number;
  readonly steps: number;
  readonly tookMs: number;
  readonly violation?: { readonly invariant: string } | null;
}

function outcomeOf(mutation: string, output: string): Found {
  const lines = output
    .split('\n')
    .filter((text) => text.startsWith('{'))
    .map((text) => JSON.parse(text) as Line);
  const tookMs = lines.reduce((sum, line) => sum + (line.seed === undefined ? 0 : line.tookMs), 0);
  const hit = lines.find(({ violation }) => violation !== null && violation !== undefined);
  if (hit?.seed === undefined || !hit.violation) {
    return { mutation, seed: null, steps: 0, invariant: 'not found', tookMs };
  }
  const { seed, steps, violation } = hit;
  return { mutation, seed, steps, invariant: violation.invariant, tookMs };
}

function row({ mutation, seed, steps, invariant }: Found): string {
  const where = seed === null ? '' : `seed ${seed}, ${steps} steps`;
  return `${mutation.padEnd(62)} ${where.padEnd(22)} ${invariant}`;
}
