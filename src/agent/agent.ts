/** Puts an agent together. Importing this starts nothing. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Heartbeats } from './heartbeats.ts';
import { createHttpServer } from './http-server.ts';
import { LIMITS } from './limits.ts';
import { Load } from './load.ts';
import type { Log } from './log.ts';
import { Performer } from './perform.ts';
import type { Settings } from './settings.ts';
import { Slots } from './slots.ts';

const HOST = '127.0.0.1';
const CLOSE_IDLE_MS = 20;

export interface RunningAgent {
  readonly port: number;
  /** Takes no more work, finishes what runs, closes. */
  stop(): Promise<void>;
}

/** Resolves once it listens. Throws the error of `listen`, such as EADDRINUSE. */
export async function startAgent(settings: Settings, log: Log): Promise<RunningAgent> {
  const { agentId, specialization, url, apiKey, heartbeatMs: intervalMs } = settings;
  const now = () => performance.now();
  const queueLimit = settings.slots * LIMITS.queuedPerSlot;
  const load = new Load({ slots: settings.slots, queueLimit, now });
  const slots = new Slots({
    slots: settings.slots,
    queueLimit,
    now,
    onChange: (busy, queued) => load.observe(busy, queued),
  });
  const performer = new Performer(settings, log);
  const startedAt = now();
  const server = createHttpServer({
    agentId,
    slots,
    connections: settings.slots + queueLimit + LIMITS.spareConnections,
    health: () => ({
      status: slots.isClosed ? 'stopping' : 'ok',
      agent_id: agentId,
      specialization,
      slots: settings.slots,
      busy: slots.busy,
      queued: slots.queued,
      load: load.value(),
      pid: process.pid,
      uptime_sec: Math.round((now() - startedAt) / 100) / 10,
    }),
    perform: (work, gone) => performer.perform(work, gone),
    log,
  });
  await listen(server, settings.port);
  const { port } = server.address() as AddressInfo;
  log('listening', { port, pid: process.pid, specialization, pool: url.origin });
  const heartbeats = new Heartbeats({
    url,
    apiKey,
    agentId,
    intervalMs,
    load: () => load.value(),
    log,
  });
  heartbeats.start();
  const stop = async (): Promise<void> => {
    slots.close();
    await heartbeats.stop();
    await within(slots.idle(), LIMITS.finishMs);
    await performer.close();
    await closeServer(server);
  };
  let stopped: Promise<void> | null = null;
  return {
    port,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, HOST, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Answers that have been given may leave; whoever still sends a request is cut off. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection that has just been answered is idle only now, and would be kept.
  const closeIdle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
  await within(closed, LIMITS.flushMs);
  clearInterval(closeIdle);
  server.closeAllConnections();
  await closed;
}

/** Resolves with the promise, or when the time is up. */
async function within(promise: Promise<void>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
