import type { HostLog } from '../../../host/host.ts';
import type { Environment } from './command.ts';

export interface ProcessProvisionerOptions {
  /** Tells this pool's processes from another's: it must be its own, and the same for ever. */
  readonly poolId: string;
  /** Where agents reach the pool. */
  readonly url: string;
  /** Takes `<agent_id>.log`, older ones as `.log.1`, and a note on each process. */
  readonly logDirectory: string;
  /** How long an agent may take to end when it is asked to. */
  readonly stopGraceMs?: number;
  /** A log that is larger is rotated. */
  readonly logMaxBytes?: number;
  /** Log files of one agent, the current one included. */
  readonly logFilesKept?: number;
  /** What agents inherit, except for all that begins with `REMUDA_`; by default process.env. */
  readonly env?: Environment;
  /** The address that ports are tried on, besides all addresses at once. */
  readonly host?: string;
  readonly log?: HostLog;
}

/** A log is written to the disk that the journal may be on. */
export const LOG_MAX_BYTES: number = 10 * 1024 * 1024;
export const LOG_FILES_KEPT = 3;
/** The time that container runtimes give, too. */
export const STOP_GRACE_MS = 10_000;
export const PORT_HOST = '127.0.0.1';

export const SILENT: HostLog = { info() {}, warn() {}, error() {} };
