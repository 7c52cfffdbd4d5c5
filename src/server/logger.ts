/**
 * Logs: JSON lines with a `component` to the file and to stderr; on a terminal, stderr is for
 * people. Writing is synchronous, so that the last lines before an exit are there.
 */
import { type DestinationStream, multistream, type Logger as PinoLogger, pino } from 'pino';
import { pretty } from './logger-pretty.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level: string;
  /** Empty = no file. */
  readonly file: string;
  readonly isTerminal: boolean;
}

export function createLogger({ level, file, isTerminal }: LogOptions): Logger {
  const streams: { level: 'trace'; stream: DestinationStream }[] = [];
  const add = (stream: DestinationStream) => streams.push({ level: 'trace', stream });
  add(isTerminal ? pretty() : pino.destination({ dest: 2, sync: true }));
  if (file !== '') add(pino.destination({ dest: file, mkdir: true, sync: true }));
  return pino(
    { level, base: undefined, timestamp: pino.stdTimeFunctions.isoTime },
    multistream(streams),
  );
}
