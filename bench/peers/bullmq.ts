/** BullMQ: a lease is a job that is added, taken by a worker and completed. */
import { type Job, Queue, Worker } from 'bullmq';
import type { Peer, Round, Setup } from './peer.ts';
import { RedisServer } from './redis-server.ts';
import { checkBooks, Workload } from './workload.ts';

/** Jobs that the worker has at a time. More of them were slower. */
const CONCURRENCY = 64;
const QUEUE = 'leases';

interface Lease {
  readonly tenant: number;
  readonly startedAt: number;
}

export class BullmqPeer implements Peer {
  readonly #workload: Workload;
  readonly #setup: Setup;
  readonly #inFlight: number;
  readonly #free: number[];
  #server: RedisServer | null = null;
  #queue: Queue<Lease, number> | null = null;
  #worker: Worker<Lease, number> | null = null;
  #active = 0;
  /** Completed and not yet followed by another. */
  #due = 0;
  #over: PromiseWithResolvers<void> = Promise.withResolvers();

  constructor(setup: Setup, inFlight: number) {
    this.#setup = setup;
    this.#inFlight = inFlight;
    this.#workload = new Workload(setup);
    this.#free = Array.from({ length: setup.agents }, (_, i) => i);
  }

  async start(): Promise<void> {
    this.#server = await RedisServer.start(this.#setup.directory, 'everysec');
    const connection = { path: this.#server.path, maxRetriesPerRequest: null };
    this.#queue = new Queue<Lease, number>(QUEUE, {
      connection,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    const lease = async (): Promise<number> => {
      const agent = this.#free.pop();
      if (agent === undefined) throw new Error('all agents are taken');
      return agent;
    };
    this.#worker = new Worker<Lease, number>(QUEUE, lease, {
      connection,
      concurrency: CONCURRENCY,
    });
    this.#worker.on('completed', (job, agent) => this.#completed(job, agent));
    this.#worker.on('failed', (_job, error) => this.#over.reject(error));
    this.#worker.on('error', (error) => this.#over.reject(error));
    await this.#worker.waitUntilReady();
    await this.#queue.waitUntilReady();
  }

  async run(seconds: number): Promise<Round> {
    this.#over = Promise.withResolvers();
    this.#workload.begin(seconds);
    this.#active = this.#inFlight;
    await this.#add(this.#inFlight);
    await this.#over.promise;
    checkBooks(this.#setup.agents, this.#free.length);
    return this.#workload.round();
  }

  async stop(): Promise<void> {
    this.#over.promise.catch(() => {});
    await this.#worker?.close(true);
    await this.#queue?.close();
    await this.#server?.stop();
  }

  #completed(job: Job<Lease, number>, agent: number): void {
    const { tenant, startedAt } = job.data;
    const now = performance.now();
    this.#free.push(agent);
    this.#workload.ended(tenant, startedAt, now);
    if (this.#workload.isOver(now)) {
      this.#active -= 1;
      if (this.#active === 0) this.#over.resolve();
      return;
    }
    // Those that complete together are followed together.
    if (this.#due === 0) setImmediate(() => this.#follow());
    this.#due += 1;
  }

  #follow(): void {
    const due = this.#due;
    this.#due = 0;
    this.#add(due).catch((error: unknown) => this.#over.reject(error));
  }

  async #add(jobs: number): Promise<void> {
    const startedAt = performance.now();
    const name = 'lease';
    const leases = Array.from({ length: jobs }, () => ({
      name,
      data: { tenant: this.#workload.nextTenant(), startedAt },
    }));
    await this.#queue?.addBulk(leases);
  }
}
