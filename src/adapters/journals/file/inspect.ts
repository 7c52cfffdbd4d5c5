/**
 * What a writer looks at before it becomes one.
 *
 * Everything that can be found wrong is found before the database is opened for writing: closing a
 * writable one moves the log's intact part into it and deletes the log, and with that whatever a
 * person could still have saved.
 */
import { lastEventOf } from '../checksum.ts';
import { sizeOf } from './connection.ts';
import { isJournal, newestBatch, openReadOnly, writerEpoch } from './database.ts';
import { damaged, EMPTY_BESIDE_LOG } from './faults.ts';
import { type Mark, readMark } from './mark.ts';
import type { JournalPaths } from './paths.ts';
import { listSnapshots } from './snapshots.ts';
import { scanLiveWal, type WalScan } from './wal.ts';

export interface Stored {
  readonly lastEvent: number;
  readonly epoch: number;
}

type Report = (message: string) => void;

/** Where the journal ends. Throws JournalError `corrupt` unless all that was acknowledged is there. */
export function inspect(paths: JournalPaths, report: Report): Stored {
  const { database, wal } = paths;
  const log = scanLiveWal(wal);
  if (log.damage) throw damaged(wal, log.damage.what);
  if (sizeOf(database) === 0 && log.frames > 0) throw damaged(database, EMPTY_BESIDE_LOG);
  const stored = readStored(database);
  const mark = readMark(paths.mark);
  if (mark === 'damaged') report(`${paths.mark} was damaged; it is written anew.`);
  const marked = mark === 'damaged' ? null : mark;
  expectMarked(paths, stored, marked);
  expectNoLaterSnapshot(paths, stored);
  if (log.torn) reportTorn(wal, log.torn, marked?.lastEvent === stored.lastEvent, report);
  return { lastEvent: stored.lastEvent, epoch: Math.max(stored.epoch, marked?.epoch ?? 0) };
}

function readStored(path: string): Stored {
  const nothing = { lastEvent: 0, epoch: 0 };
  if (sizeOf(path) === 0) return nothing;
  const database = openReadOnly(path);
  try {
    if (!isJournal(database, path)) return nothing;
    const newest = newestBatch(database, path);
    const epoch = Math.max(writerEpoch(database), newest?.epoch ?? 0);
    return { lastEvent: newest ? lastEventOf(newest) : 0, epoch };
  } finally {
    database.close();
  }
}

function expectMarked(paths: JournalPaths, stored: Stored, mark: Mark | null): void {
  if (mark === null || mark.lastEvent <= stored.lastEvent) return;
  throw damaged(
    paths.database,
    `it ends at event ${stored.lastEvent}, but event ${mark.lastEvent} was acknowledged. If this is a backup made while Remuda ran, and the events in between may be lost, remove ${paths.mark}`,
  );
}

function expectNoLaterSnapshot(paths: JournalPaths, stored: Stored): void {
  const snapshot = listSnapshots(paths.directory)[0];
  if (!snapshot || snapshot.lastEvent <= stored.lastEvent) return;
  throw damaged(
    paths.database,
    `it ends at event ${stored.lastEvent}, but ${snapshot.path} holds the state after event ${snapshot.lastEvent}. To begin anew, remove all files of the directory`,
  );
}

function reportTorn(
  path: string,
  { offset }: NonNullable<WalScan['torn']>,
  isProven: boolean,
  report: Report,
): void {
  const verdict = isProven ? 'had not been acknowledged' : 'had probably not been acknowledged';
  report(
    `${path} ended in an unfinished write (from byte ${offset} on), which was dropped. It ${verdict}.`,
  );
}
