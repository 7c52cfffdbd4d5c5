import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scanWal } from './wal.ts';

const HEADER = 32;
const FRAME = 24 + 4096;

let directory: string;
let database: DatabaseSync;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'remuda-wal-'));
  database = new DatabaseSync(join(directory, 'a.db'));
  database.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0');
  database.exec('CREATE TABLE t (n INTEGER PRIMARY KEY, bytes BLOB)');
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A commit a row; large ones take several frames. */
function commit(rows: number, length = 10): void {
  const insert = database.prepare('INSERT INTO t (bytes) VALUES (?)');
  for (let row = 0; row < rows; row++) insert.run(new Uint8Array(length).fill(row + 1));
}

const readLog = () => readFileSync(join(directory, 'a.db-wal'));

/** Scans the log with some of its bytes changed. */
function scanChanged(change: (log: Buffer) => Buffer | undefined) {
  const log = readLog();
  const path = join(directory, 'changed-wal');
  writeFileSync(path, change(log) ?? log);
  return scanWal(path);
}

const flip = (offset: number) => (log: Buffer) => {
  log[offset]! ^= 0x40;
  return log;
};

describe('scanWal', () => {
  it('finds nothing in a log that is missing, empty or too short for its header', () => {
    expect(scanWal(join(directory, 'none'))).toMatchObject({ frames: 0, torn: null, damage: null });
    commit(3);
    for (const length of [0, 1, 31, 32, 40]) {
      const scan = scanChanged((log) => log.subarray(0, length));
      expect(scan).toMatchObject({ frames: 0, torn: null, damage: null });
    }
  });

  it('counts the frames of a whole log', () => {
    commit(20);
    commit(2, 20_000);
    const frames = (readLog().length - HEADER) / FRAME;
    expect(frames).toBeGreaterThan(28);
    expect(scanWal(join(directory, 'a.db-wal'))).toMatchObject({
      frames,
      torn: null,
      damage: null,
    });
  });

  it('finds a changed byte in any part of any frame but the last commit', () => {
    commit(3);
    commit(2, 20_000);
    commit(2);
    const frames = (readLog().length - HEADER) / FRAME;
    // Without the two newest commits, one frame each: behind them nothing proves that they were.
    for (let frame = 0; frame < frames - 2; frame++) {
      const start = HEADER + frame * FRAME;
      for (const part of [0, 4, 7, 8, 15, 16, 20, 23, 24, 1000, FRAME - 1]) {
        const { damage, torn } = scanChanged(flip(start + part));
        expect(damage, `frame ${frame + 1}, byte ${part}`).not.toBeNull();
        expect(damage?.offset).toBe(start);
        expect(torn).toBeNull();
      }
    }
  });

  it('finds a changed byte anywhere in the header', () => {
    commit(5);
    for (let offset = 0; offset < HEADER; offset++) {
      const { damage } = scanChanged(flip(offset));
      expect(damage?.offset, `byte ${offset}`).toBe(0);
      expect(damage?.what).toContain('its header (byte 0) is not as written');
    }
  });

  it('takes a bad last commit for an unfinished write, which it may be', () => {
    commit(5);
    const whole = (readLog().length - HEADER) / FRAME;
    const start = HEADER + (whole - 1) * FRAME;
    const scan = scanChanged(flip(start + 100));
    expect(scan).toMatchObject({
      frames: whole - 1,
      torn: { offset: start, frames: 1 },
      damage: null,
    });
  });

  it('takes a commit of many frames that lost one of them for an unfinished write', () => {
    commit(5);
    const before = (readLog().length - HEADER) / FRAME;
    commit(1, 40_000);
    const scan = scanChanged((log) =>
      log.fill(0, HEADER + (before + 2) * FRAME, HEADER + (before + 3) * FRAME),
    );
    expect(scan.frames).toBe(before);
    expect(scan.torn?.offset).toBe(HEADER + before * FRAME);
    expect(scan.damage).toBeNull();
  });

  it('takes frames without a commit and a cut frame for an unfinished write', () => {
    commit(5);
    const before = (readLog().length - HEADER) / FRAME;
    commit(1, 40_000);
    for (const length of [24, 3 * FRAME, 4 * FRAME + 2000]) {
      const scan = scanChanged((log) => log.subarray(0, HEADER + before * FRAME + length));
      expect(scan.frames).toBe(before);
      expect(scan.torn).not.toBeNull();
      expect(scan.damage).toBeNull();
    }
  });

  it('ignores the frames that an earlier round has left behind the end', () => {
    commit(60);
    const old = (readLog().length - HEADER) / FRAME;
    database.exec('PRAGMA wal_checkpoint(RESTART)');
    commit(10);
    const log = readLog();
    expect(log.length).toBe(HEADER + old * FRAME);
    const { frames, torn, damage } = scanWal(join(directory, 'a.db-wal'));
    expect(frames).toBeLessThan(old);
    expect({ torn, damage }).toEqual({ torn: null, damage: null });
    const behind = HEADER + (frames + 3) * FRAME;
    expect(scanChanged(flip(behind + 50))).toMatchObject({ frames, torn: null, damage: null });
    expect(scanChanged(flip(HEADER + 3 * FRAME + 50)).damage?.offset).toBe(HEADER + 3 * FRAME);
  });

  it('reads logs of the other byte order', () => {
    commit(4);
    const scan = scanChanged((log) => asBigEndian(log));
    expect(scan).toMatchObject({ torn: null, damage: null });
    expect(scan.frames).toBeGreaterThan(3);
    expect(scanChanged((log) => flip(HEADER + 500)(asBigEndian(log))).damage).not.toBeNull();
  });
});

/** The same log with checksums as a big-endian machine would have written them. */
function asBigEndian(log: Buffer): Buffer {
  log.writeUInt32BE(0x377f0683, 0);
  let [a, b] = [0, 0];
  const add = (from: number, to: number) => {
    for (let at = from; at < to; at += 8) {
      a = (a + log.readInt32BE(at) + b) | 0;
      b = (b + log.readInt32BE(at + 4) + a) | 0;
    }
  };
  add(0, 24);
  log.writeInt32BE(a, 24);
  log.writeInt32BE(b, 28);
  for (let at = HEADER; at + FRAME <= log.length; at += FRAME) {
    add(at, at + 8);
    add(at + 24, at + FRAME);
    log.writeInt32BE(a, at + 16);
    log.writeInt32BE(b, at + 20);
  }
  return log;
}
