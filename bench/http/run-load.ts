import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ServerProcess } from '../lib/server.ts';
import type { LoadResult, Plan } from './plan.ts';

export interface LoadOptions {
  readonly agents: number;
  readonly tenants: number;
  readonly heartbeatsPerSec: number;
  readonly connections: number;
  readonly warmupSec: number;
  readonly seconds: number;
}

const HEARTBEAT_BATCH = 1_000;
/** Three seconds on average: three times the rate of pairs is held. */
const HOLD_MS = [1_000, 5_000] as const;

/** One run against a server that has its agents; afterwards the load's leases are still held. */
export async function runLoad(
  server: ServerProcess,
  options: LoadOptions,
  pairsPerSec: number,
): Promise<{ result: LoadResult; serverCpuSec: number }> {
  const { agents, tenants, heartbeatsPerSec, connections } = options;
  const plan: Plan = {
    port: server.port,
    connections,
    agents,
    tenants,
    pairsPerSec,
    heartbeatsPerSec,
    heartbeatBatch: HEARTBEAT_BATCH,
    holdMs: HOLD_MS,
    warmupMs: options.warmupSec * 1_000,
    measureMs: options.seconds * 1_000,
    seed: 1,
  };
  const path = fileURLToPath(new URL('./load.ts', import.meta.url));
  const child = fork(path, { serialization: 'advanced' });
  const answered = new Promise<LoadResult>((resolve, reject) => {
    child.once('message', (message) => resolve(message as LoadResult));
    child.once('exit', (code) => reject(new Error(`the load ended with code ${code}`)));
  });
  child.send(plan);
  let isOver = false;
  void answered.finally(() => {
    isOver = true;
  });
  await new Promise((resolve) => setTimeout(resolve, plan.warmupMs));
  const before = await server.ask('cost');
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, plan.measureMs));
  const after = await server.ask('cost');
  const wallSec = (performance.now() - startedAt) / 1_000;
  if (isOver) throw new Error('the load ended too soon');
  const result = await answered;
  return { result, serverCpuSec: (after.cpuSec - before.cpuSec) / wallSec };
}
