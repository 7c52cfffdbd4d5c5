/** The end of a log, for a person who asks why its program has ended. */
import { open } from 'node:fs/promises';

const MOST_LINES = 5;
const LONGEST_LINE = 500;
const TAIL_BYTES = 16 * 1024;

/** The last lines after byte `from` that are not blank, the oldest first; none if there is no such file. */
export async function lastLines(path: string, from: number): Promise<readonly string[]> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return [];
  try {
    const { size } = await file.stat();
    const start = Math.max(from, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(size - start),
      0,
      size - start,
      start,
    );
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n');
    return lines
      .filter((line) => line.trim() !== '')
      .slice(-MOST_LINES)
      .map((line) => line.slice(-LONGEST_LINE).trim().toWellFormed());
  } finally {
    await file.close();
  }
}
