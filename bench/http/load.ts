/**
 * The load, in a process of its own. It is an open loop: every request has a moment at which it
 * should be sent, and its latency counts from that moment. A server that stalls is therefore
 * charged for all that should have been sent meanwhile (no coordinated omission).
 */
import { HttpClient } from '../lib/http-client.ts';
import { Ledger } from './ledger.ts';
import { type LoadResult, OPERATIONS, type Operation, type Plan } from './plan.ts';
import { generator, type Random } from './random.ts';
import { Samples } from './samples.ts';

/** Requests whose answers may still come after the end. */
const DRAIN_MS = 10_000;
const TICK_MS = 1;

class Load {
  readonly #plan: Plan;
  readonly #client: HttpClient;
  readonly #random: Random;
  readonly #ledger = new Ledger();
  readonly #samples: Record<Operation, Samples>;
  readonly #heartbeatBodies: readonly string[];
  /** Leases to be released, by the millisecond at which that is due. */
  readonly #due = new Map<number, string[]>();
  readonly #busyTenants = new Set<number>();
  #inFlight = 0;
  #nextLease: number;
  #nextHeartbeats: number;
  #nextBody = 0;
  #releasedUpTo: number;

  constructor(plan: Plan, startsAt: number) {
    this.#plan = plan;
    this.#client = new HttpClient(plan.port, plan.connections);
    this.#random = generator(plan.seed);
    const from = startsAt + plan.warmupMs;
    const to = from + plan.measureMs;
    const samples = () => new Samples(from, to);
    this.#samples = { lease: samples(), release: samples(), heartbeats: samples() };
    this.#heartbeatBodies = heartbeatBodies(plan, this.#random);
    this.#nextLease = startsAt + this.#gap();
    this.#nextHeartbeats = startsAt;
    this.#releasedUpTo = Math.floor(startsAt);
  }

  /** Sends everything that should have been sent by `now`. */
  tick(now: number): void {
    const { heartbeatsPerSec, heartbeatBatch } = this.#plan;
    while (this.#nextLease <= now) {
      this.#lease(this.#nextLease);
      this.#nextLease += this.#gap();
    }
    while (heartbeatsPerSec > 0 && this.#nextHeartbeats <= now) {
      this.#heartbeats(this.#nextHeartbeats);
      this.#nextHeartbeats += (1_000 * heartbeatBatch) / heartbeatsPerSec;
    }
    for (; this.#releasedUpTo <= now; this.#releasedUpTo++) {
      const due = this.#due.get(this.#releasedUpTo);
      if (due === undefined) continue;
      this.#due.delete(this.#releasedUpTo);
      for (const lease of due) this.#release(lease, this.#releasedUpTo);
    }
  }

  async drain(): Promise<void> {
    const until = performance.now() + DRAIN_MS;
    while (this.#inFlight > 0 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (this.#inFlight > 0) this.#ledger.complain(`${this.#inFlight} requests got no answer`);
    this.#client.close();
  }

  result(cpuSec: number, wallSec: number): LoadResult {
    const entries = OPERATIONS.map((name) => [name, this.#samples[name].result()]);
    const operations = Object.fromEntries(entries) as LoadResult['operations'];
    return { operations, cpuSec, wallSec, ...this.#ledger.result() };
  }

  /** Exponential gaps: arrivals of many independent tenants (a Poisson process). */
  #gap(): number {
    return (-Math.log(1 - this.#random()) * 1_000) / this.#plan.pairsPerSec;
  }

  #send(
    operation: Operation,
    method: string,
    path: string,
    body: string,
    intended: number,
    done: (status: number, text: string) => boolean,
  ): void {
    this.#inFlight += 1;
    this.#client.send(method, path, body, (error, status, text) => {
      this.#inFlight -= 1;
      const isGood = error === null && done(status, text);
      this.#samples[operation].add(intended, performance.now() - intended, isGood);
      if (isGood) return;
      this.#ledger.complain(`${operation}: ${error?.message ?? `${status} ${text.slice(0, 300)}`}`);
    });
  }

  #lease(intended: number): void {
    const { tenants, holdMs } = this.#plan;
    let tenant = Math.floor(this.#random() * tenants);
    while (this.#busyTenants.has(tenant)) tenant = (tenant + 1) % tenants;
    this.#busyTenants.add(tenant);
    const kind = KINDS[tenant % KINDS.length];
    const body = `{"tenant":"guild-${tenant}",${kind}}`;
    this.#send('lease', 'POST', '/v1/leases', body, intended, (status, text) => {
      if (status !== 201) return false;
      const id = this.#ledger.granted(text, tenant);
      const [least, most] = holdMs;
      const at = Math.floor(performance.now() + least + this.#random() * (most - least));
      const due = this.#due.get(at);
      if (due) due.push(id);
      else this.#due.set(at, [id]);
      return true;
    });
  }

  #release(lease: string, intended: number): void {
    this.#ledger.releasing(lease);
    this.#send('release', 'DELETE', `/v1/leases/${lease}`, '', intended, (status) => {
      if (status !== 200) return false;
      this.#busyTenants.delete(this.#ledger.released(lease));
      return true;
    });
  }

  #heartbeats(intended: number): void {
    const body = this.#heartbeatBodies[this.#nextBody] as string;
    this.#nextBody = (this.#nextBody + 1) % this.#heartbeatBodies.length;
    this.#send('heartbeats', 'POST', '/v1/heartbeats', body, intended, (status) => status === 200);
  }
}

/** Two of three ask for a tool, as a mixture of bots would. */
const KINDS = [
  '"purpose":"music","tools":["music"]',
  '"purpose":"ai_companion","tools":["chat"]',
  '"purpose":"moderation"',
];

function heartbeatBodies({ agents, heartbeatBatch }: Plan, random: Random): string[] {
  const bodies: string[] = [];
  for (let from = 0; from < agents; from += heartbeatBatch) {
    const count = Math.min(heartbeatBatch, agents - from);
    const entries = Array.from({ length: count }, (_, i) => {
      return [`agent-${from + i}`, Math.round(random() * 100) / 100];
    });
    bodies.push(JSON.stringify({ agents: entries }));
  }
  return bodies;
}

async function run(plan: Plan): Promise<LoadResult> {
  const startsAt = performance.now() + 100;
  const measuresAt = startsAt + plan.warmupMs;
  const endsAt = measuresAt + plan.measureMs;
  const load = new Load(plan, startsAt);
  let before: NodeJS.CpuUsage | null = null;
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const now = performance.now();
      if (before === null && now >= measuresAt) before = process.cpuUsage();
      load.tick(Math.min(now, endsAt));
      if (now < endsAt) setTimeout(tick, TICK_MS);
      else resolve();
    };
    tick();
  });
  const { user, system } = process.cpuUsage(before ?? undefined);
  const wallSec = (performance.now() - measuresAt) / 1_000;
  await load.drain();
  return load.result((user + system) / 1e6, wallSec);
}

process.once('message', (plan: Plan) => {
  void run(plan).then((result) => {
    process.send?.(result, () => process.disconnect());
  });
});
