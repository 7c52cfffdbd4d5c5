/**
 * Checks everything a data directory holds. Works beside a running writer and on a read-only copy,
 * takes no lock that a writer would wait for, and changes nothing.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { lastEventOf } from '../checksum.ts';
import { connectUnseen, isAtRest, sizeOf } from './connection.ts';
import { BATCH_COLUMNS, type BatchRow, isJournal, toBatch } from './database.ts';
import { EMPTY_BESIDE_LOG, toJournalError } from './faults.ts';
import { readMark } from './mark.ts';
import type { JournalPaths } from './paths.ts';
import { DamagedSnapshotError, readSnapshot } from './snapshot-file.ts';
import { listSnapshots } from './snapshots.ts';
import { scanLiveWal } from './wal.ts';

export interface JournalFinding {
  /** The file, without its directory. */
  readonly where: string;
  readonly message: string;
}

export interface SnapshotReport {
  readonly file: string;
  readonly lastEvent: number;
  readonly bytes: number;
  readonly ok: boolean;
  /** Why not; empty when it is. */
  readonly detail: string;
}

export interface BatchReport {
  readonly batches: number;
  readonly events: number;
  /** 0 when there is no batch. */
  readonly firstEvent: number;
  readonly lastEvent: number;
  /** The payloads of all batches. */
  readonly bytes: number;
  readonly faults: readonly JournalFinding[];
}

export interface JournalReport extends BatchReport {
  readonly snapshots: readonly SnapshotReport[];
}

/** One bad page can make thousands of rows unreadable; so many are told one by one. */
const MAX_FINDINGS = 100;
const MAX_PAGE_FINDINGS = 20;

class Findings {
  readonly #list: JournalFinding[] = [];
  #left = 0;

  add(path: string, message: string): void {
    if (this.#list.length < MAX_FINDINGS) this.#list.push({ where: basename(path), message });
    else this.#left += 1;
  }

  all(): JournalFinding[] {
    if (this.#left === 0) return this.#list;
    return [...this.#list, { where: '', message: `${this.#left} more faults` }];
  }
}

function checkPages(database: DatabaseSync, path: string, findings: Findings): void {
  for (const row of database.prepare(`PRAGMA integrity_check(${MAX_PAGE_FINDINGS})`).all()) {
    const line = String(Object.values(row)[0]);
    if (line !== 'ok') findings.add(path, line);
  }
}

type Totals = Omit<BatchReport, 'faults'>;

function checkRows(database: DatabaseSync, path: string, findings: Findings): Totals {
  let [batches, events, firstEvent, lastEvent, bytes, epoch] = [0, 0, 0, 0, 0, 0];
  const rows = database.prepare(`SELECT ${BATCH_COLUMNS} FROM batch ORDER BY first`).iterate();
  try {
    for (const row of rows as unknown as Iterable<BatchRow>) {
      if (batches === 0) firstEvent = row.first;
      else if (row.first > lastEvent + 1) {
        findings.add(path, `events ${lastEvent + 1} to ${row.first - 1} are missing`);
      } else if (row.first <= lastEvent) {
        findings.add(path, `events ${row.first} to ${lastEvent} are there twice`);
      }
      try {
        bytes += toBatch(row, path).payload.length;
        if (row.epoch < epoch) findings.add(path, `the epoch falls at event ${row.first}`);
        epoch = Math.max(epoch, row.epoch);
      } catch {
        findings.add(path, `the batch of event ${row.first} fails its checksum`);
      }
      batches += 1;
      events += row.count;
      lastEvent = lastEventOf(row);
    }
  } catch (error) {
    findings.add(path, `behind event ${lastEvent}: ${(error as Error).message}`);
  }
  return { batches, events, firstEvent, lastEvent, bytes };
}

function checkDatabase(paths: JournalPaths, findings: Findings): Totals {
  const nothing = { batches: 0, events: 0, firstEvent: 0, lastEvent: 0, bytes: 0 };
  const { database: path, wal } = paths;
  const { damage, frames } = scanLiveWal(wal);
  if (damage) findings.add(wal, damage.what);
  if (sizeOf(path) === 0) {
    if (frames > 0) findings.add(path, EMPTY_BESIDE_LOG);
    return nothing;
  }
  const connection = connectUnseen(paths);
  try {
    const { database } = connection;
    if (!isJournal(database, path)) return nothing;
    // One transaction: what a writer adds or deletes meanwhile does not show.
    database.exec('BEGIN');
    checkPages(database, path, findings);
    return checkRows(database, path, findings);
  } finally {
    connection.close();
  }
}

function check(paths: JournalPaths): BatchReport {
  const findings = new Findings();
  let totals: Totals = { batches: 0, events: 0, firstEvent: 0, lastEvent: 0, bytes: 0 };
  if (!existsSync(paths.directory)) findings.add(paths.directory, 'there is no such directory');
  try {
    // Read before the database, which may be ahead of it but never behind.
    const mark = readMark(paths.mark);
    totals = checkDatabase(paths, findings);
    if (mark === 'damaged') findings.add(paths.mark, 'it is not as it was written');
    else if (mark && mark.lastEvent > totals.lastEvent) {
      const message = `it ends at event ${totals.lastEvent}, but event ${mark.lastEvent} was acknowledged`;
      findings.add(paths.database, message);
    }
  } catch (error) {
    const { message } = toJournalError(error, paths.directory, paths.database, 'reading');
    findings.add(paths.database, message);
  }
  return { ...totals, faults: findings.all() };
}

export function verifyBatches(paths: JournalPaths): BatchReport {
  const wasAtRest = isAtRest(paths);
  const report = check(paths);
  // A writer that began in between changed the file under the reader; look again beside it.
  return wasAtRest && !isAtRest(paths) ? check(paths) : report;
}

/**
 * Adds the snapshots to what was found out about the batches. `lastEventNow` tells where the journal
 * ends now: a snapshot may have been taken since.
 */
export async function withSnapshots(
  directory: string,
  report: BatchReport,
  lastEventNow: () => Promise<number>,
): Promise<JournalReport> {
  const snapshots: SnapshotReport[] = [];
  const faults = [...report.faults];
  for (const file of listSnapshots(directory)) {
    const { path, lastEvent } = file;
    const bytes = sizeOf(path);
    let detail = '';
    try {
      await readSnapshot(file);
      if (lastEvent > report.lastEvent && lastEvent > (await lastEventNow())) {
        detail = 'the journal ends before it';
      }
    } catch (error) {
      // A newer one has just replaced it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
      detail = error instanceof DamagedSnapshotError ? error.message : String(error);
    }
    snapshots.push({ file: basename(path), lastEvent, bytes, ok: detail === '', detail });
    if (detail !== '') faults.push({ where: basename(path), message: detail });
  }
  const usable = snapshots.some(({ ok, lastEvent }) => ok && lastEvent >= report.firstEvent - 1);
  if (report.firstEvent > 1 && !usable) {
    const message = `it begins at event ${report.firstEvent}, and no snapshot holds what was before`;
    faults.push({ where: 'journal.db', message });
  }
  return { ...report, snapshots, faults };
}
