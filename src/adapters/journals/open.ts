import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Journal } from '../../host/ports.ts';
import { FileJournal, type FileJournalOptions } from './file.ts';
import { MemoryDisk, MemoryJournal } from './memory.ts';

const SUPPORTED = 'file:DIRECTORY (such as file:./data) or memory:';

/** A `memory:` journal has no disk to fill; older batches go once two snapshots cover them. */
const MEMORY_RETAIN_BYTES = 64 * 1024 * 1024;

/** The journal that a `journal.url` names, not yet opened. Throws an Error for an unknown one. */
export function openJournal(url: string, options: FileJournalOptions = {}): Journal {
  // Only the scheme may appear in a message: what follows it may hold a password.
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return new FileJournal(directoryOf(url.slice('file:'.length)), options);
  if (scheme === 'memory') {
    const { retainBytes = MEMORY_RETAIN_BYTES } = options;
    return new MemoryJournal(new MemoryDisk({ retainBytes }));
  }
  const what = scheme ? `"${scheme}:" is not known` : 'it names no kind of journal';
  throw new Error(`journal.url: ${what}. Supported: ${SUPPORTED}.`);
}

/** Relative to the working directory, unless it is a full URL of a file (file:///…). */
function directoryOf(path: string): string {
  if (path === '') throw new Error('journal.url: "file:" needs a directory, such as file:./data.');
  return path.startsWith('//') ? fileURLToPath(`file:${path}`) : resolve(path);
}
