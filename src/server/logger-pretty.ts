import type { DestinationStream } from 'pino';
import { PinoPretty } from 'pino-pretty';

/** Lines for people on stderr, in this thread: a worker would lose the last ones at an exit. */
export function pretty(): DestinationStream {
  return PinoPretty({
    destination: 2,
    sync: true,
    translateTime: 'HH:MM:ss.l',
    ignore: 'component',
    messageFormat: '{component}: {msg}',
  });
}
