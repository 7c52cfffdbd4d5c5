/** Looks for a text, in small or capital letters alike, in the text files below a directory. */
import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { LIMITS } from '../limits.ts';
import { type Budget, filesOf, openTree } from './tree.ts';

export interface Hit {
  /** From the root of the search, with slashes. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The line, or as much of it around the hit as fits. */
  readonly text: string;
}

export interface Hits {
  readonly hits: readonly Hit[];
  readonly files: number;
  /** False: a limit ended the search, and there may be more. */
  readonly is_complete: boolean;
}

/** Null if there is no such `path` below `root`. */
export function search(root: string, query: string, path: string): Hits | null {
  const tree = openTree(root, path);
  if (tree === null) return null;
  const needle = query.toLowerCase();
  const budget: Budget = { names: LIMITS.searchNames };
  // One byte more than is read tells a file that is too large.
  const buffer = Buffer.allocUnsafe(LIMITS.searchFileBytes + 1);
  const hits: Hit[] = [];
  let files = 0;
  for (const file of filesOf(tree, budget)) {
    if (files === LIMITS.searchFiles) return { hits, files, is_complete: false };
    const text = readText(file, buffer);
    if (text === null) continue;
    files += 1;
    if (!text.toLowerCase().includes(needle)) continue;
    const name = relative(tree.root, file).split(sep).join('/');
    for (const hit of hitsIn(text, needle)) {
      if (hits.length === LIMITS.searchHits) return { hits, files, is_complete: false };
      hits.push({ path: name, ...hit });
    }
  }
  return { hits, files, is_complete: budget.names > 0 };
}

/** Null for what is no text, too large, or cannot be read. */
function readText(file: string, buffer: Buffer): string | null {
  // Without O_NONBLOCK a named pipe, put there since, would hold the thread for ever.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  let descriptor: number;
  try {
    descriptor = openSync(file, flags);
  } catch {
    return null;
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > LIMITS.searchFileBytes) return null;
    // The size is only a hint: files grow, and those of /proc have none.
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(descriptor, buffer, length, buffer.length - length, null);
    }
    const bytes = buffer.subarray(0, length);
    if (length === buffer.length || bytes.includes(0) || !isUtf8(bytes)) return null;
    return bytes.toString('utf8');
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}

function* hitsIn(text: string, needle: string): Generator<Omit<Hit, 'path'>> {
  let line = 1;
  for (let start = 0; start <= text.length; line += 1) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const content = text.slice(start, end);
    const at = content.toLowerCase().indexOf(needle);
    if (at >= 0) yield { line, text: excerpt(content, at) };
    start = end + 1;
  }
}

function excerpt(line: string, at: number): string {
  const spare = 40;
  const start = line.length <= LIMITS.excerptLength ? 0 : Math.max(0, at - spare);
  // A cut may go through a character of two halves.
  return line
    .slice(start, start + LIMITS.excerptLength)
    .trim()
    .toWellFormed();
}
