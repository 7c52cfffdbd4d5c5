/** A journal at full scale: built once, kept, and copied for whoever wants to write to it. */
import { fork } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Scale {
  readonly agents: number;
  readonly held: number;
  readonly tenants: number;
  /** Events after the snapshot. */
  readonly tail: number;
}

interface Built {
  readonly lastEvent: number;
  readonly snapshotAt: number;
}

export interface FullScale extends Built {
  readonly directory: string;
  readonly megabytes: number;
  readonly snapshotMegabytes: number;
}

const BUILT = 'built.json';

export async function fullScale(cache: string, scale: Scale): Promise<FullScale> {
  const { agents, held, tenants, tail } = scale;
  const directory = join(cache, `${agents}-${held}-${tenants}-${tail}`);
  const marker = join(directory, BUILT);
  if (!existsSync(marker)) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    process.stderr.write(`Building a journal in ${directory}; this takes a minute or two.\n`);
    writeFileSync(marker, JSON.stringify(await build(directory, scale)));
  }
  const built = JSON.parse(readFileSync(marker, 'utf8')) as Built;
  return { directory, ...built, ...sizes(directory) };
}

function build(directory: string, { agents, held, tenants, tail }: Scale): Promise<Built> {
  const path = fileURLToPath(new URL('./build-journal-child.ts', import.meta.url));
  const child = fork(path, [directory, ...[agents, held, tenants, tail].map(String)]);
  return new Promise((resolve, reject) => {
    let built: Built | null = null;
    child.once('message', (message) => {
      built = message as Built;
    });
    child.once('exit', (code) => {
      if (built) resolve(built);
      else reject(new Error(`the journal was not built: code ${code}`));
    });
  });
}

function sizes(directory: string): { megabytes: number; snapshotMegabytes: number } {
  const [all, snapshots] = [/./, /^snapshot-/].map((pattern) => {
    const names = readdirSync(directory).filter((name) => pattern.test(name));
    const bytes = names.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
    return Math.round(bytes / 1024 / 1024);
  });
  return { megabytes: all ?? 0, snapshotMegabytes: snapshots ?? 0 };
}

/** A copy to write to, with or without its snapshot. */
export function copyOf(from: string, to: string, withSnapshot: boolean): void {
  rmSync(to, { recursive: true, force: true });
  const isWanted = (path: string) =>
    !path.endsWith(BUILT) && (withSnapshot || !/snapshot-[^/]*$/.test(path));
  cpSync(from, to, { recursive: true, filter: isWanted });
}
