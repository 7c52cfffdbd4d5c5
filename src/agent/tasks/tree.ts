/**
 * The files below a directory, breadth first and by name, so that equal trees give equal answers.
 * Every file lies below that directory after all links have been followed. Hidden names (keys,
 * histories) and node_modules are left out, also where a link leads to them.
 */
import { type Dirent, lstatSync, opendirSync, realpathSync } from 'node:fs';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';

export interface Tree {
  /** The directory itself, without links. */
  readonly root: string;
  /** Where to begin, without links: a file or a directory, the root or below it. */
  readonly start: string;
}

/** Null if there is no such path below the root that may be read. Does not say which of these it is. */
export function openTree(root: string, path: string): Tree | null {
  try {
    const realRoot = realpathSync(root);
    const start = realpathSync(resolve(realRoot, path));
    return isReadable(realRoot, start) ? { root: realRoot, start } : null;
  } catch {
    return null;
  }
}

/** Is it the root, or below it and not hidden? Both paths are without links. */
function isReadable(root: string, path: string): boolean {
  const way = relative(root, path);
  if (isAbsolute(way)) return false;
  return way === '' || way.split(sep).every((name) => !isLeftOut(name));
}

/** `..` begins with a dot, too, so whatever leads out of the root is left out. */
function isLeftOut(name: string): boolean {
  return name.startsWith('.') || name === 'node_modules';
}

/** Stops for good after so many names. */
export interface Budget {
  names: number;
}

/** Absolute paths without links, none of them twice. What cannot be read is passed over. */
export function* filesOf({ root, start }: Tree, budget: Budget): Generator<string> {
  const seen = new Set<string>([start]);
  const open: string[] = [];
  if (lstatSync(start).isDirectory()) open.push(start);
  else yield start;
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    for (const entry of list(next, budget)) {
      if (isLeftOut(entry.name)) continue;
      const found = follow(root, join(next, entry.name), entry);
      if (found === null || seen.has(found.path)) continue;
      seen.add(found.path);
      if (found.isDirectory) open.push(found.path);
      else yield found.path;
    }
  }
}

function list(directory: string, budget: Budget): Dirent[] {
  const entries: Dirent[] = [];
  try {
    // Read one by one: a directory may have more names than fit into the thread's memory.
    const handle = opendirSync(directory);
    try {
      for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
        if (budget.names === 0) break;
        budget.names -= 1;
        entries.push(entry);
      }
    } finally {
      handle.closeSync();
    }
  } catch {
    // Forbidden, or gone since it was listed.
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Found {
  readonly path: string;
  readonly isDirectory: boolean;
}

function follow(root: string, path: string, entry: Dirent): Found | null {
  if (!entry.isSymbolicLink()) {
    return entry.isDirectory() || entry.isFile()
      ? { path, isDirectory: entry.isDirectory() }
      : null;
  }
  try {
    const target = realpathSync(path);
    if (!isReadable(root, target)) return null;
    const stats = lstatSync(target);
    return stats.isDirectory() || stats.isFile()
      ? { path: target, isDirectory: stats.isDirectory() }
      : null;
  } catch {
    return null;
  }
}
