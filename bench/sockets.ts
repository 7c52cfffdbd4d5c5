/**
 * What runners' sockets cost the server: 500 sockets of 1,000 agents each, every agent with a
 * heartbeat every 30 s and now and then a lease, on a real server with a file journal.
 *
 *   npm run bench -- sockets [--json] [--sockets 500] [--agents 1000] [--seconds 60]
 */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { AGENT_SUBPROTOCOL, type PoolFrame } from '../src/protocol/agent-frames.ts';
import { HttpClient } from './lib/http-client.ts';
import { machine, print, quantile, report } from './lib/report.ts';
import { ServerProcess } from './lib/server.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    sockets: { type: 'string', default: '500' },
    agents: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '60' },
  },
  allowPositionals: true,
});
const sockets = Number(values.sockets);
const agents = Number(values.agents);
const seconds = Number(values.seconds);
const HEARTBEAT_MS = 30_000;
const HELLO_AGENTS = 500;
const LEASES_A_SECOND = 100;

class Runner {
  readonly #socket: WebSocket;
  readonly #ids: readonly string[];
  readonly #name: string;
  welcomed = 0;
  assigned = 0;

  constructor(url: string, name: string) {
    this.#name = name;
    this.#ids = Array.from({ length: agents }, (_, nth) => `${name}-${nth}`);
    this.#socket = new WebSocket(url, AGENT_SUBPROTOCOL);
    this.#socket.on('message', (data) => this.#received(JSON.parse(String(data)) as PoolFrame));
  }

  async connect(): Promise<void> {
    await once(this.#socket, 'open');
    for (let from = 0; from < agents; from += HELLO_AGENTS) {
      const ids = this.#ids.slice(from, from + HELLO_AGENTS);
      const described = ids.map((agent_id) => ({ agent_id }));
      this.#send({ type: 'hello', runner_id: this.#name, agents: described });
    }
    while (this.welcomed < agents) await sleep(5);
  }

  beat(): void {
    const loads = this.#ids.map((id, nth) => [id, (nth % 100) / 100]);
    this.#send({ type: 'heartbeat', agents: loads });
  }

  close(): void {
    this.#socket.terminate();
  }

  #received(frame: PoolFrame): void {
    if (frame.type === 'error') throw new Error(frame.detail);
    if (frame.type === 'welcome') this.welcomed += frame.agents.length;
    if (frame.type !== 'assign') return;
    this.assigned++;
    const { lease_id, token } = frame.lease;
    this.#send({ type: 'accepted', lease_id, token });
    this.#send({ type: 'state', lease_id, token, state: 'active' });
  }

  #send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }
}

const data = mkdtempSync(join(tmpdir(), 'remuda-bench-sockets-'));
const server = await ServerProcess.start({ data });
const url = `ws://127.0.0.1:${server.port}/v1/agents/connect`;
const runners: Runner[] = [];
const connecting = performance.now();
for (let nth = 0; nth < sockets; nth++) {
  const runner = new Runner(url, `runner-${nth}`);
  await runner.connect();
  runners.push(runner);
}
const connectedSec = (performance.now() - connecting) / 1_000;

const before = await server.ask('watch');
const started = performance.now();
const client = new HttpClient(server.port, 8);
const latencies: number[] = [];
const stop = started + seconds * 1_000;
await Promise.all([beats(), leases()]);
const after = await server.ask('cost');
const elapsed = (performance.now() - started) / 1_000;
client.close();
for (const runner of runners) runner.close();
await server.stop();
rmSync(data, { recursive: true, force: true });

/** Each runner has its moment of the 30 s, so that they do not come all at once. */
async function beats(): Promise<void> {
  const between = HEARTBEAT_MS / sockets;
  for (let nth = 0; performance.now() < stop; nth++) {
    const at = started + nth * between;
    const wait = at - performance.now();
    if (wait > 0) await sleep(wait);
    (runners[nth % sockets] as Runner).beat();
  }
}

async function leases(): Promise<void> {
  const answers: Promise<void>[] = [];
  for (let nth = 0; performance.now() < stop; nth++) {
    const wait = started + (nth * 1_000) / LEASES_A_SECOND - performance.now();
    if (wait > 0) await sleep(wait);
    answers.push(lease(nth));
  }
  await Promise.all(answers);
  // What was granted last has yet to reach its runner.
  while (runners.reduce((sum, { assigned }) => sum + assigned, 0) < latencies.length)
    await sleep(5);
}

async function lease(nth: number): Promise<void> {
  const asked = performance.now();
  const body = JSON.stringify({ tenant: `t${nth}` });
  const { status } = await client.call('POST', '/v1/leases', body);
  if (status !== 201) throw new Error(`a lease was answered with ${status}`);
  latencies.push(performance.now() - asked);
}

const sorted = latencies.toSorted((a, b) => a - b);
const round = (value: number, digits = 2) => Number(value.toFixed(digits));
const figures = {
  sockets,
  agents: sockets * agents,
  connected_sec: round(connectedSec),
  heartbeats_a_sec: Math.round((sockets * agents * 1_000) / HEARTBEAT_MS),
  leases_a_sec: LEASES_A_SECOND,
  cores_used: round((after.cpuSec - before.cpuSec) / elapsed, 3),
  rss_mb: Math.round(after.rssMb),
  longest_stop_ms: round(after.longestStopMs),
  lease_p50_ms: round(quantile(sorted, 0.5)),
  lease_p99_ms: round(quantile(sorted, 0.99)),
  assigned: runners.reduce((sum, { assigned }) => sum + assigned, 0),
};
if (figures.assigned !== sorted.length) throw new Error('not every lease reached its runner');
if (values.json) {
  process.stdout.write(`${JSON.stringify(report('sockets', { figures }))}\n`);
} else {
  print(
    `Runners on sockets · ${machine()}`,
    Object.entries(figures).map(([name, value]) => [name, String(value)]),
  );
}
