/** `remuda serve` as a process: configuration, log, signals, exit codes. */
import { setFlagsFromString } from 'node:v8';
import { JournalError } from '../host/ports.ts';
import { readArguments } from './config/argv.ts';
import { formatFaults } from './config/config-fault.ts';
import { type ConfigInput, loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { createLogger, type Logger } from './logger.ts';
import { type RunningServer, serve } from './main.ts';
import { type Sealer, sealerFromEnvironment } from './seal.ts';
import { readVersion } from './version.ts';

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** From the first signal to the end, whatever happens. */
const STOP_WITHIN_MS = 9_500;

/** One stop can arrive twice: from a service manager and from the launcher that it told as well. */
const ECHO_MS = 250;

export interface RunOptions {
  /** Arguments after `serve`, not yet read. */
  readonly args?: readonly string[];
  /** Arguments that somebody has read already; see `ConfigInput`. */
  readonly file?: string;
  readonly flags?: ConfigInput['flags'];
  readonly env: { readonly [name: string]: string | undefined };
  /** One line on stdout. */
  readonly print: (line: string) => void;
  /** Lines on stderr. */
  readonly complain: (text: string) => void;
}

/** Runs until a signal ends it. Resolves with the exit code. */
export async function runServer(options: RunOptions): Promise<number> {
  // What lives long at a start (agents, leases) would make V8 put the short-lived objects of every
  // later request among the long-lived too, for good.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const { print, complain } = options;
  const settings = readSettings(options);
  if ('complaint' in settings) {
    complain(settings.complaint);
    return EXIT.usage;
  }
  const { config, sealer, logger } = settings;
  let server: RunningServer;
  try {
    server = await serve({ config, logger, sealer });
  } catch (error) {
    complain(listenComplaint(error, config));
    return EXIT.failed;
  }
  const signalled = stopOnSignal(server, logger, complain);
  try {
    await server.ready;
    const { url } = server;
    print(
      `Remuda ${readVersion()} is ready on ${url} (journal ${config.journal.url}, docs ${url}/docs)`,
    );
  } catch (error) {
    if (!signalled.isStopping()) complain(openComplaint(error, logger));
    await server.stop();
    signalled.release();
    return signalled.isStopping() ? EXIT.done : EXIT.failed;
  }
  return signalled.exitCode;
}

type Settings =
  | {
      readonly config: Config;
      readonly sealer: Sealer | null;
      readonly logger: Logger;
    }
  | { readonly complaint: string };

function readSettings(options: RunOptions): Settings {
  const { env } = options;
  const { file, flags, faults } = readArguments(options.args ?? []);
  const loaded = loadConfig({
    file: file ?? options.file,
    env,
    flags: { ...options.flags, ...flags },
  });
  const key = sealerFromEnvironment(env);
  const keyFaults = key.ok ? [] : [{ source: key.source, path: '', message: key.message }];
  const all = [...faults, ...(loaded.ok ? [] : loaded.faults), ...keyFaults];
  if (!loaded.ok || !key.ok || all.length > 0) return { complaint: formatFaults(all) };
  const { config, sources } = loaded;
  const { level, file: logFile } = config.log;
  try {
    const logger = createLogger({
      level,
      file: logFile,
      isTerminal: process.stderr.isTTY === true,
    });
    return { config, sealer: key.sealer, logger };
  } catch (error) {
    const source = sources['log.file'] ?? 'log.file';
    const message = `cannot be written: ${(error as Error).message}`;
    return { complaint: formatFaults([{ source, path: 'log.file', message }]) };
  }
}

interface Signalled {
  readonly exitCode: Promise<number>;
  isStopping(): boolean;
  /** Gives the signals back to whoever had them. */
  release(): void;
}

function stopOnSignal(
  server: RunningServer,
  logger: Logger,
  complain: (text: string) => void,
): Signalled {
  const { promise, resolve } = Promise.withResolvers<number>();
  let isStopping = false;
  let firstAt = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      if (performance.now() - firstAt < ECHO_MS) return;
      process.exit(EXIT.failed);
    }
    isStopping = true;
    firstAt = performance.now();
    logger.info({ component: 'server', signal }, 'stopping');
    const giveUp = setTimeout(() => {
      complain('The server did not stop in time; what was acknowledged is durable all the same.');
      process.exit(EXIT.failed);
    }, STOP_WITHIN_MS);
    void finish().then((code) => {
      clearTimeout(giveUp);
      release();
      resolve(code);
    });
  };
  const finish = async (): Promise<number> => {
    try {
      await server.stop();
      logger.info({ component: 'server' }, 'stopped');
      return EXIT.done;
    } catch (error) {
      logger.error({ component: 'server', err: error }, 'the server did not stop cleanly');
      return EXIT.failed;
    }
  };
  const release = (): void => {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return { exitCode: promise, isStopping: () => isStopping, release };
}

function listenComplaint(error: unknown, { server: { host, port } }: Config): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const other = port < 65_535 ? port + 1 : port - 1;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${host} is taken by another program. Stop that one, or choose another port: --port ${other} or REMUDA_SERVER_PORT=${other}.`;
    case 'EACCES':
      return `Port ${port} may not be used: ports below 1024 belong to the system. Choose another: --port 8766.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine. Choose another with --host, such as 127.0.0.1.`;
    default:
      return `The server cannot listen on ${host}:${port}: ${message}`;
  }
}

/** A JournalError says by itself what to do; anything else is a fault of ours. */
function openComplaint(error: unknown, logger: Logger): string {
  if (error instanceof JournalError) return error.message;
  logger.error({ component: 'server', err: error }, 'the pool could not be opened');
  return `The pool could not be opened: ${(error as Error).message}`;
}
