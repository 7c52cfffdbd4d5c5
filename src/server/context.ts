/** What handlers share. */
import type { FleetControl } from '../host/fleet-api.ts';
import type { PoolHost } from '../host/host-api.ts';
import type { Clock } from '../host/ports.ts';
import type { Alerts } from './alerts.ts';
import type { Config } from './config/schema.ts';
import type { EventStreams } from './event-streams.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import type { Sealer } from './seal.ts';
import type { SocketFigures } from './sockets/figures.ts';
import type { Waiters } from './waiters.ts';

export interface ServerContext {
  readonly host: PoolHost;
  readonly fleet: FleetControl;
  readonly config: Config;
  readonly logger: Logger;
  readonly version: string;
  readonly clock: Pick<Clock, 'now'>;
  /** By that clock. */
  readonly startedAt: number;
  readonly waiters: Waiters;
  readonly streams: EventStreams;
  readonly alerts: Alerts;
  readonly metrics: Metrics;
  /** Null without a key: credentials are refused then. */
  readonly sealer: Sealer | null;
  /** The WebSockets that are open. */
  readonly sockets: SocketFigures;
  readonly stopping: { isStopping: boolean };
}
