/**
 * One subject: its client, and the server that it starts. It ends both when its parent lets go of
 * it, however the parent came to its end.
 *
 *     node child.ts SUBJECT SETUP
 */
import { rmSync } from 'node:fs';
import { NotInstalledError, type Peer, type Setup } from './peer.ts';
import { freezeAll, thawAll } from './programs.ts';
import { type FromChild, SUBJECTS, type Subject, type ToChild } from './subjects.ts';

const [subject, json = '{}'] = process.argv.slice(2);
const setup = JSON.parse(json) as Setup;

/** Imported one by one: none needs the packages of another. */
async function open(subject: Subject): Promise<Peer> {
  const { inFlight } = SUBJECTS[subject];
  switch (subject) {
    case 'remuda-1':
    case 'remuda-16': {
      const { RemudaPeer } = await import('./remuda.ts');
      return new RemudaPeer(setup, subject === 'remuda-1' ? 1 : 16, inFlight);
    }
    case 'postgres': {
      const { PostgresPeer } = await import('./postgres.ts');
      return new PostgresPeer(setup, inFlight);
    }
    case 'redis-everysec':
    case 'redis-always': {
      const { RedisPeer } = await import('./redis.ts');
      return new RedisPeer(setup, subject === 'redis-always' ? 'always' : 'everysec', inFlight);
    }
    case 'bullmq': {
      const { BullmqPeer } = await import('./bullmq.ts');
      return new BullmqPeer(setup, inFlight);
    }
  }
}

const tell = (message: FromChild): void => {
  if (process.connected) process.send?.(message);
};

function tellFailure(error: unknown): void {
  const { code, message, stack } = error as NodeJS.ErrnoException;
  if (error instanceof NotInstalledError) tell({ kind: 'skipped', reason: message });
  else if (code === 'ERR_MODULE_NOT_FOUND') {
    tell({ kind: 'skipped', reason: `${message}; install it with: npm install` });
  } else tell({ kind: 'failed', reason: stack ?? message });
}

let peer: Peer | null = null;
let isEnding = false;

async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  thawAll();
  await peer?.stop().catch(() => {});
  rmSync(setup.directory, { recursive: true, force: true });
  process.exit(0);
}

process.on('disconnect', () => void end());
// A terminal interrupts the whole group at once; the parent lets go then.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => void end());
process.on('message', ({ seconds }: ToChild) => {
  thawAll();
  peer
    ?.run(seconds)
    .finally(freezeAll)
    .then((round) => tell({ kind: 'round', round }), tellFailure);
});

try {
  peer = await open(subject as Subject);
  await peer.start();
  freezeAll();
  tell({ kind: 'ready' });
} catch (error) {
  tellFailure(error);
}
