import type { MemoryDisk } from '../../src/adapters/journals/memory.ts';
import type { Journal } from '../../src/host/ports.ts';
import type { JournalStorage } from './journal-harness.ts';

/** A memory disk as the contract suite wants its storage. */
export function storageOn(disk: MemoryDisk, connect: () => Journal): JournalStorage {
  return {
    connect,
    async loseLock() {
      disk.holder = null;
    },
    async damageBatch(first) {
      const stored = disk.batches.find(({ batch }) => batch.first === first);
      stored!.batch.payload[0]! ^= 1;
    },
    async damageSnapshot(lastEvent) {
      const stored = disk.snapshots.find(({ snapshot }) => snapshot.lastEvent === lastEvent);
      stored!.snapshot.chunks[0]![0]! ^= 1;
    },
    async dispose() {},
  };
}
