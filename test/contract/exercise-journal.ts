/**
 * What every journal promises (src/host/ports.ts), as tests. An adapter brings its storage; what it
 * cannot be held to, it names with the reason.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import { exerciseAppends } from './append-clauses.ts';
import {
  JournalHarness,
  type JournalStorage,
  type SkippedClauses,
  type StorageOptions,
} from './journal-harness.ts';
import { exerciseReads } from './read-clauses.ts';
import { exerciseSnapshots } from './snapshot-clauses.ts';

export function exerciseJournal(
  name: string,
  make: (options: StorageOptions) => JournalStorage | Promise<JournalStorage>,
  skipped: SkippedClauses = {},
): void {
  describe(`journal ${name}`, () => {
    const harness = new JournalHarness(make, skipped);
    beforeEach(() => harness.begin());
    afterEach(() => harness.end());
    exerciseAppends(harness);
    exerciseReads(harness);
    exerciseSnapshots(harness);
  });
}
