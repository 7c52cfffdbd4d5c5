/**
 * The snapshots of a directory, `snapshot-<lastEvent>.bin`. One is written under another name,
 * synced and renamed, so that a file of that name is always whole.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Snapshot } from '../../../host/ports.ts';
import { syncDirectory } from './paths.ts';
import { looksWhole, type SnapshotFile, writeSnapshot } from './snapshot-file.ts';

const KEPT = 2;
const NAME = /^snapshot-(\d+)\.bin$/;
/** See tryToWrite in faults.ts. */
const TRIAL_NAME = /^\.trial-(\d+)-\d+$/;
const TEMPORARY_NAME = /^snapshot-\d+\.bin\.(\d+)-[\d-]+\.tmp$/;

/** By name, newest first. A directory that does not exist yet has none. */
export function listSnapshots(directory: string): SnapshotFile[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap((name) => {
      const lastEvent = NAME.exec(name)?.[1];
      return lastEvent ? [{ path: join(directory, name), lastEvent: Number(lastEvent) }] : [];
    })
    .sort((a, b) => b.lastEvent - a.lastEvent);
}

/** A thread may begin to save before it has ended. */
let saves = 0;

/** Durable once resolved; then only the newest two are left. */
export async function saveSnapshot(directory: string, snapshot: Snapshot): Promise<void> {
  const path = join(directory, `snapshot-${snapshot.lastEvent}.bin`);
  const temporary = `${path}.${process.pid}-${threadId}-${saves++}.tmp`;
  try {
    await writeSnapshot(temporary, snapshot);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  syncDirectory(directory);
  await removeOld(directory);
}

/** A damaged one does not count as kept, or it would push out the one to fall back to. */
async function wholeSnapshots(directory: string): Promise<SnapshotFile[]> {
  const whole: SnapshotFile[] = [];
  for (const file of listSnapshots(directory)) {
    if (whole.length < KEPT && (await looksWhole(file))) whole.push(file);
  }
  return whole;
}

async function removeOld(directory: string): Promise<void> {
  const oldest = (await wholeSnapshots(directory))[KEPT - 1];
  if (!oldest) return;
  for (const file of listSnapshots(directory)) {
    if (file.lastEvent < oldest.lastEvent) await rm(file.path, { force: true });
  }
}

/** The event up to which no kept snapshot needs the batches: that of the older of the two. */
export async function unneededUpTo(directory: string): Promise<number> {
  return (await wholeSnapshots(directory))[KEPT - 1]?.lastEvent ?? 0;
}

/** What a killed process left half-written. */
export function removeUnfinished(directory: string): void {
  const startedAt = Date.now() - process.uptime() * 1000;
  for (const name of readdirSync(directory)) {
    const pid = Number((TEMPORARY_NAME.exec(name) ?? TRIAL_NAME.exec(name))?.[1]);
    if (Number.isNaN(pid)) continue;
    const path = join(directory, name);
    // In a container every process has the same number; only its age tells it from the last one.
    const changedAt = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const isLeft = pid === process.pid ? changedAt < startedAt : !isAlive(pid);
    if (isLeft) rmSync(path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
