/**
 * Logs: JSON lines with a `component` to the file and to stderr; on a terminal, stderr is for
 * people. Writing is synchronous, so that the last lines before an exit are there.
 */
import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { type DestinationStream, multistream, type Logger as PinoLogger, pino } from 'pino';
import { pretty } from './logger-pretty.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level: string;
  /** Empty = no file. */
  readonly file: string;
  readonly isTerminal: boolean;
}

/** Throws when the file cannot be written. */
export function createLogger({ level, file, isTerminal }: LogOptions): Logger {
  const streams = [isTerminal ? pretty() : destination(2)];
  if (file !== '') {
    mkdirSync(dirname(file), { recursive: true });
    streams.push(destination(openSync(file, 'a')));
  }
  const each = streams.map((stream) => ({ level: 'trace' as const, stream }));
  const { isoTime } = pino.stdTimeFunctions;
  return pino({ level, base: undefined, timestamp: isoTime }, multistream(each));
}

/** A full disk or a closed pipe costs lines of the log, not the service. */
function destination(fd: number): DestinationStream {
  const stream = pino.destination({ dest: fd, sync: true });
  stream.on('error', () => {});
  return stream;
}
