/**
 * What a client feels: the real server on a `file:` journal, a client in a process of its own, an
 * open loop of lease + release pairs beside heartbeats. Latencies count from the moment at which a
 * request was due, so waiting behind a stall is part of them.
 *
 *   npm run bench -- http [--json] [--agents 50000] [--pairs 2000] [--heartbeats 10000]
 *                         [--seconds 20] [--warmup 8] [--connections 32] [--tenants 200000]
 *                         [--ramp] [--target-ms 20] [--profile DIRECTORY] [--data DIRECTORY]
 *
 * --ramp looks for the highest rate of pairs whose 99th percentile stays below --target-ms.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkBooks } from './http/check-books.ts';
import { figuresOf, isWithin, type RunFigures, tableOf } from './http/figures.ts';
import { ramp } from './http/ramp.ts';
import { registerAgents } from './http/register.ts';
import { type LoadOptions, runLoad } from './http/run-load.ts';
import { machine, print, report } from './lib/report.ts';
import { ServerProcess } from './lib/server.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    agents: { type: 'string', default: '50000' },
    tenants: { type: 'string', default: '200000' },
    pairs: { type: 'string', default: '2000' },
    heartbeats: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    warmup: { type: 'string', default: '8' },
    connections: { type: 'string', default: '32' },
    ramp: { type: 'boolean', default: false },
    'target-ms': { type: 'string', default: '20' },
    profile: { type: 'string' },
    data: { type: 'string' },
  },
  allowPositionals: true,
});

const options: LoadOptions = {
  agents: Number(values.agents),
  tenants: Number(values.tenants),
  heartbeatsPerSec: Number(values.heartbeats),
  connections: Number(values.connections),
  warmupSec: Number(values.warmup),
  seconds: Number(values.seconds),
};
const pairsPerSec = Number(values.pairs);
const targetMs = Number(values['target-ms']);

const data = values.data ?? mkdtempSync(join(tmpdir(), 'remuda-bench-http-'));
mkdirSync(data, { recursive: true });
const profile = values.profile === undefined ? [] : profiled(resolve(values.profile));

function profiled(directory: string): string[] {
  mkdirSync(directory, { recursive: true });
  return ['--cpu-prof', `--cpu-prof-dir=${directory}`];
}

async function measure(server: ServerProcess, pairs: number, sec: number): Promise<RunFigures> {
  const { result, serverCpuSec } = await runLoad(server, { ...options, seconds: sec }, pairs);
  const books = await checkBooks(server.port, result);
  return figuresOf(pairs, result, serverCpuSec, books);
}

/** Of the machine before it begins: a busy one makes the figures worse. */
const [busy = 0] = loadavg();
const server = await ServerProcess.start({ data, execArgv: profile });
try {
  await registerAgents(server.port, options.agents);
  const main = await measure(server, pairsPerSec, options.seconds);
  const best = values.ramp
    ? await ramp(pairsPerSec, async (pairs) => {
        const run = await measure(server, pairs, Math.min(options.seconds, 8));
        const isGood = isWithin(run, targetMs, true);
        const p99 = run.operations.lease.p99_of_parts_ms;
        process.stderr.write(`${pairs} pairs/s: p99 ${p99} ms${isGood ? '' : ', too slow'}\n`);
        return isGood ? run : null;
      })
    : null;
  const { peakRssMb } = await server.ask('cost');
  const document = report('http', {
    figures: {
      agents: options.agents,
      tenants: options.tenants,
      heartbeats_per_sec: options.heartbeatsPerSec,
      connections: options.connections,
      seconds: options.seconds,
      load_average_before: Math.round(busy * 10) / 10,
      target_p99_ms: targetMs,
      target_met: isWithin(main, targetMs),
      server_peak_rss_mb: Math.round(peakRssMb),
      ...main,
      ...(values.ramp && { highest_pairs_per_sec: best?.pairs_per_sec ?? 0, at_highest: best }),
    },
  });
  if (values.json) process.stdout.write(`${JSON.stringify(document)}\n`);
  else {
    print(`Over HTTP: ${options.agents} agents, durable · ${machine()}`, tableOf(main));
    const verdict = isWithin(main, targetMs) ? 'met' : 'MISSED';
    print('Beside that', [
      [`p99 below ${targetMs} ms`, verdict],
      ['server, share of a core', String(main.server_cpu)],
      ['client, share of a core', String(main.client_cpu)],
      ['server, peak RSS MB', String(Math.round(peakRssMb))],
      ['load of the machine before', busy.toFixed(1)],
      ['leases held at most', String(main.most_held)],
      ['books', main.books.faults.length === 0 ? 'agree' : main.books.faults.join('; ')],
      ...(values.ramp ? [['highest pairs/s', String(best?.pairs_per_sec ?? 'none')]] : []),
    ]);
  }
  if (main.books.faults.length > 0) process.exitCode = 1;
} finally {
  await server.stop();
  if (values.data === undefined) rmSync(data, { recursive: true, force: true });
}
