/** Redis as the pool: a script leases, a script releases, hundreds of calls under way. */
import type { Redis } from 'ioredis';
import type { Peer, Round, Setup } from './peer.ts';
import { type Fsync, RedisServer } from './redis-server.ts';
import { checkBooks, runPairs, Workload } from './workload.ts';

const AGENTS_PER_CALL = 10_000;

/** The agent that has been free for longest; nil when all are taken. */
const LEASE = `
  local agent = redis.call('LPOP', KEYS[1])
  if not agent then return nil end
  local id = redis.call('INCR', KEYS[2])
  redis.call('HSET', KEYS[3], id, agent .. '|' .. ARGV[1])
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100000, '*',
    'type', 'leased', 'lease', id, 'agent', agent, 'tenant', ARGV[1])
  return {id, agent}
`;

const RELEASE = `
  local lease = redis.call('HGET', KEYS[3], ARGV[1])
  if not lease then return nil end
  local agent = string.match(lease, '^[^|]+')
  redis.call('HDEL', KEYS[3], ARGV[1])
  redis.call('RPUSH', KEYS[1], agent)
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100000, '*',
    'type', 'released', 'lease', ARGV[1], 'agent', agent)
  return agent
`;

const KEYS = ['pool:free', 'pool:last-lease', 'pool:leases', 'pool:events'] as const;

export class RedisPeer implements Peer {
  readonly #setup: Setup;
  readonly #fsync: Fsync;
  readonly #inFlight: number;
  readonly #workload: Workload;
  #server: RedisServer | null = null;
  #client: Redis | null = null;
  #leaseSha = '';
  #releaseSha = '';

  constructor(setup: Setup, fsync: Fsync, inFlight: number) {
    this.#setup = setup;
    this.#fsync = fsync;
    this.#inFlight = inFlight;
    this.#workload = new Workload(setup);
  }

  async start(): Promise<void> {
    const { directory, agents } = this.#setup;
    this.#server = await RedisServer.start(directory, this.#fsync);
    const client = await this.#server.connect();
    this.#client = client;
    for (let from = 0; from < agents; from += AGENTS_PER_CALL) {
      const size = Math.min(AGENTS_PER_CALL, agents - from);
      await client.rpush(KEYS[0], ...Array.from({ length: size }, (_, i) => `agent-${from + i}`));
    }
    this.#leaseSha = (await client.script('LOAD', LEASE)) as string;
    this.#releaseSha = (await client.script('LOAD', RELEASE)) as string;
  }

  async run(seconds: number): Promise<Round> {
    const client = this.#client as Redis;
    const round = await runPairs(this.#workload, seconds, this.#inFlight, (_slot, tenant) =>
      this.#pair(client, `guild-${tenant}`),
    );
    checkBooks(this.#setup.agents, await client.llen(KEYS[0]));
    return round;
  }

  async stop(): Promise<void> {
    this.#client?.disconnect();
    await this.#server?.stop();
  }

  async #pair(client: Redis, tenant: string): Promise<void> {
    const leased = await client.evalsha(this.#leaseSha, KEYS.length, ...KEYS, tenant);
    if (!Array.isArray(leased) || leased.length !== 2) {
      throw new Error(`no agent was granted to ${tenant}`);
    }
    const [lease, agent] = leased as [number, string];
    const released = await client.evalsha(this.#releaseSha, KEYS.length, ...KEYS, lease);
    if (released !== agent) throw new Error(`lease ${lease} was not released`);
  }
}
