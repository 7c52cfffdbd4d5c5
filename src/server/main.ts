/**
 * Puts a server together: it listens first, so that a long start can be told from a dead process,
 * then opens the journal and rebuilds the pool. Importing this starts nothing.
 */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { SystemClock } from '../adapters/clock.ts';
import { openJournal } from '../adapters/journals/open.ts';
import { snapshotsOf } from '../adapters/snapshots.ts';
import type { Fleet } from '../host/fleet.ts';
import type { FleetControl } from '../host/fleet-api.ts';
import { Host } from '../host/host.ts';
import { NotReadyError, type PoolHost } from '../host/host-api.ts';
import type { Clock } from '../host/ports.ts';
import { Alerts } from './alerts.ts';
import { createApp } from './app.ts';
import { poolOptions } from './config/pool-options.ts';
import type { Config } from './config/schema.ts';
import type { ServerContext } from './context.ts';
import { EventStreams } from './event-streams.ts';
import { createFleet } from './fleet.ts';
import { FleetSlot } from './fleet-slot.ts';
import { HostSlot } from './host-slot.ts';
import { SilentConnections } from './http/silent-connections.ts';
import type { Logger } from './logger.ts';
import { Metrics } from './metrics.ts';
import type { Sealer } from './seal.ts';
import { attachSockets, type Sockets } from './sockets/attach.ts';
import { SocketFigures } from './sockets/figures.ts';
import { Runners } from './sockets/runners.ts';
import { Watches } from './sockets/watches.ts';
import { readVersion } from './version.ts';
import { Waiters } from './waiters.ts';

const ALERT_INTERVAL_MS = 2_000;
/** Requests in flight get this long; what is left of the ten seconds is for the journal. */
const DRAIN_MS = 7_000;
const CLOSE_IDLE_MS = 50;
const OPENING_MS = 1_000;

export interface ServeOptions {
  readonly config: Config;
  readonly logger: Logger;
  /** Encrypts credentials; without one they are refused. */
  readonly sealer?: Sealer | null;
  /** A pool, or one that is being opened; unless given, the journal of the configuration is opened. */
  readonly host?: PoolHost | Promise<PoolHost>;
  readonly clock?: Clock;
  /** In place of one that starts real agents. */
  readonly fleet?: FleetControl;
}

export interface RunningServer {
  /** `http://127.0.0.1:8766` */
  readonly url: string;
  readonly port: number;
  /** Resolves once the pool takes commands; rejects when it cannot be opened. */
  readonly ready: Promise<void>;
  /** Answers what is in flight, closes every connection, flushes the journal. */
  stop(): Promise<void>;
}

/** Resolves once it listens. Throws the error of `listen`, such as EADDRINUSE. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  const { config, logger } = options;
  const clock = options.clock ?? new SystemClock();
  const slot = new HostSlot();
  const fleetSlot = new FleetSlot();
  const context = createContext(options, slot, fleetSlot, clock);
  const app = createApp(context);
  const runners = new Runners(slot, options.sealer ?? null, context.logger);
  const sockets = attachSockets(app.server, context, runners, new Watches(slot));
  const silent = new SilentConnections(app.server);
  await app.listen({ host: config.server.host, port: config.server.port });
  const { port } = app.server.address() as AddressInfo;
  const fleet =
    options.fleet === undefined
      ? createFleet({
          config,
          host: slot,
          clock,
          logger,
          url: `http://${agentHost(config.server.host)}:${port}`,
          countsMisses: options.host === undefined,
        })
      : null;
  if (options.fleet !== undefined) fleetSlot.fill(options.fleet);
  const opening = (async () => {
    const host = await (options.host ?? openHost(config, logger, clock));
    if (context.stopping.isStopping) {
      await host.close();
      throw new NotReadyError('stopping');
    }
    slot.fill(host);
    if (fleet === null) return;
    fleetSlot.fill(fleet);
    // Requests are served meanwhile: agents that come by themselves need no fleet.
    fleet.start().catch((error: Error) => {
      logger.error({ component: 'fleet', err: error }, 'The fleet could not be started');
    });
  })();
  // Whoever awaits `ready` hears of it; nobody has to.
  opening.catch(() => {});
  const alerting = watchAlerts(context, logger.child({ component: 'alerts' }));
  let stopped: Promise<void> | null = null;
  return {
    url: `http://${urlHost(config.server.host)}:${port}`,
    port,
    ready: opening,
    stop: () => {
      stopped ??= stop(app, context, silent, sockets, fleet, opening, alerting);
      return stopped;
    },
  };
}

async function openHost(config: Config, logger: Logger, clock: Clock): Promise<PoolHost> {
  const log = logger.child({ component: 'pool' });
  const journal = openJournal(config.journal.url, {
    onRepair: (message) => logger.warn({ component: 'journal' }, message),
  });
  const pool = poolOptions(config);
  const snapshot = snapshotsOf(config.journal.url, pool);
  // The fleet checks heartbeats together with the load.
  const host = await Host.open({
    journal,
    clock,
    options: pool,
    log,
    snapshot,
    checksHealth: false,
  });
  // No socket has survived the process before this one; runners have the grace to come back.
  await host.execute({ type: 'disconnect_agents' });
  return host;
}

function createContext(
  options: ServeOptions,
  host: PoolHost,
  fleet: FleetControl,
  clock: Clock,
): ServerContext {
  const { config, sealer = null } = options;
  const logger = options.logger.child({ component: 'http' });
  const version = readVersion();
  const { utilization_high: utilizationHigh, utilization_low: utilizationLow } = config.pool.alerts;
  return {
    host,
    fleet,
    config,
    logger,
    version,
    clock,
    startedAt: clock.now(),
    waiters: new Waiters(host),
    streams: new EventStreams(host, logger),
    alerts: new Alerts({ utilizationHigh, utilizationLow }),
    metrics: new Metrics(version, Object.keys(config.pool.purposes)),
    sealer,
    sockets: new SocketFigures(),
    stopping: { isStopping: false },
  };
}

function watchAlerts(
  { host, fleet, alerts, clock }: ServerContext,
  logger: Logger,
): NodeJS.Timeout {
  const look = async (): Promise<void> => {
    if (!host.readiness().ready) return;
    const demands = await host.read((pool) => pool.demand());
    for (const alert of alerts.evaluate(demands, fleet.brief(), clock.now())) {
      const { name, specialization, state, severity, message } = alert;
      const level = state === 'open' && severity === 'warning' ? 'warn' : 'info';
      const said = state === 'open' ? message : `No longer: ${message}`;
      logger[level]({ alert: name, specialization, state }, said);
    }
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => logger.warn({ err: error }, 'alerts could not be evaluated'));
  }, ALERT_INTERVAL_MS);
  timer.unref();
  return timer;
}

async function stop(
  app: FastifyInstance,
  context: ServerContext,
  silent: SilentConnections,
  sockets: Sockets,
  fleet: Fleet | null,
  opening: Promise<void>,
  alerting: NodeJS.Timeout,
): Promise<void> {
  const { host, waiters, streams, stopping } = context;
  stopping.isStopping = true;
  clearInterval(alerting);
  const socketsClosed = sockets.stop();
  const closed = app.close();
  const fleetClosed = fleet?.close();
  waiters.stop();
  streams.stop();
  // A connection that has just been answered is idle only now, and would be kept alive.
  const closeIdle = setInterval(() => {
    app.server.closeIdleConnections();
    silent.close();
  }, CLOSE_IDLE_MS);
  const cut = setTimeout(() => app.server.closeAllConnections(), DRAIN_MS);
  await Promise.all([closed, socketsClosed]);
  clearInterval(closeIdle);
  clearTimeout(cut);
  // A pool that is still being opened has promised nobody anything; it closes itself when it is.
  await fleetClosed;
  await Promise.race([opening.catch(() => {}), sleep(OPENING_MS, undefined, { ref: false })]);
  await host.close();
}

/** An address that agents on this machine can call. */
function agentHost(host: string): string {
  return host === '0.0.0.0' || host === '::' ? '127.0.0.1' : urlHost(host);
}

function urlHost(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
