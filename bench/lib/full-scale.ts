/** A journal at full scale: built once, kept, and copied for whoever wants to write to it. */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
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
  /** Of the sources that wrote it; others might not read it as it was meant. */
  readonly writtenBy: string;
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
  const writtenBy = hashOfSources();
  let built = readBuilt(marker);
  if (built?.writtenBy !== writtenBy) {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    process.stderr.write(`Building a journal in ${directory}; this takes a minute or two.\n`);
    built = { ...(await build(directory, scale)), writtenBy };
    writeFileSync(marker, JSON.stringify(built));
  }
  return { directory, ...built, ...sizes(directory) };
}

function readBuilt(marker: string): Built | null {
  return existsSync(marker) ? (JSON.parse(readFileSync(marker, 'utf8')) as Built) : null;
}

function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const room of ['core', 'host', 'adapters']) {
    const root = fileURLToPath(new URL(`../../src/${room}`, import.meta.url));
    const names = readdirSync(root, { recursive: true, encoding: 'utf8' }).toSorted();
    for (const name of names.filter((path) => /(?<!\.test)\.ts$/.test(path))) {
      hash.update(name).update(readFileSync(join(root, name)));
    }
  }
  return hash.digest('hex');
}

type Content = Omit<Built, 'writtenBy'>;

function build(directory: string, { agents, held, tenants, tail }: Scale): Promise<Content> {
  const path = fileURLToPath(new URL('./build-journal-child.ts', import.meta.url));
  const child = fork(path, [directory, ...[agents, held, tenants, tail].map(String)]);
  return new Promise((resolve, reject) => {
    let built: Content | null = null;
    child.once('message', (message) => {
      built = message as Content;
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
