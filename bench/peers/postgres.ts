/**
 * PostgreSQL as the pool: one statement leases, one releases, each a transaction of its own that is
 * synced before it is answered. A cluster of its own on a Unix socket, with room to work.
 */
import { execFileSync } from 'node:child_process';
import { chownSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Peer, Round, Setup } from './peer.ts';
import { Program, programPath } from './programs.ts';
import { checkBooks, runPairs, Workload } from './workload.ts';

const PACKAGE = 'postgresql';
const SETTINGS = {
  listen_addresses: '',
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  wal_buffers: '16MB',
  autovacuum_naptime: '5s',
  max_connections: '100',
};

/**
 * Only free agents are in the index that the choice reads. Rows are rewritten all the time: pages
 * are left half empty for their next versions, and dead ones are collected early. That no agent is
 * leased twice is a unique index, which costs less than a foreign key.
 */
const SCHEMA = `
  CREATE TABLE agents (
    id integer PRIMARY KEY,
    state text NOT NULL DEFAULT 'available',
    last_used timestamptz NOT NULL DEFAULT clock_timestamp()
  ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
  CREATE INDEX agents_free ON agents (last_used) WHERE state = 'available';
  CREATE TABLE leases (
    lease_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    agent_id integer NOT NULL UNIQUE,
    tenant text NOT NULL,
    allocated_at timestamptz NOT NULL DEFAULT now()
  ) WITH (autovacuum_vacuum_scale_factor = 0.05);
`;

/**
 * The choice is materialized: as a subquery of the UPDATE it would be made again whenever the row
 * has just been written by somebody else, and would then skip the row that it has locked itself.
 */
const LEASE = {
  name: 'lease',
  text: `
    WITH free AS MATERIALIZED (
      SELECT id FROM agents WHERE state = 'available'
      ORDER BY last_used LIMIT 1 FOR UPDATE SKIP LOCKED
    ), picked AS (
      UPDATE agents SET state = 'leased' FROM free WHERE agents.id = free.id
      RETURNING agents.id
    )
    INSERT INTO leases (agent_id, tenant) SELECT id, $1 FROM picked
    RETURNING lease_id, agent_id, tenant`,
};

const RELEASE = {
  name: 'release',
  text: `
    WITH ended AS (DELETE FROM leases WHERE lease_id = $1 RETURNING agent_id)
    UPDATE agents SET state = 'available', last_used = clock_timestamp()
    FROM ended WHERE agents.id = ended.agent_id
    RETURNING agents.id`,
};

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function account(): Account {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

export class PostgresPeer implements Peer {
  readonly #setup: Setup;
  readonly #connections: number;
  readonly #workload: Workload;
  #server: Program | null = null;
  #clients: pg.Client[] = [];

  constructor(setup: Setup, connections: number) {
    this.#setup = setup;
    this.#connections = connections;
    this.#workload = new Workload(setup);
  }

  async start(): Promise<void> {
    const initdb = programPath('initdb', PACKAGE);
    const postgres = programPath('postgres', PACKAGE);
    const { directory, agents } = this.#setup;
    const owner = account();
    if (owner.uid !== undefined && owner.gid !== undefined) {
      chownSync(directory, owner.uid, owner.gid);
    }
    const data = join(directory, 'cluster');
    const options = { ...owner, cwd: directory };
    const init = ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale', 'C'];
    await new Program(initdb, init, options).completed();
    const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const args = ['-D', data, '-k', directory, '-p', '5432', ...settings];
    this.#server = new Program(postgres, args, options);
    const first = await this.#server.ready(() => this.#connect());
    await first.query(SCHEMA);
    await first.query('INSERT INTO agents (id) SELECT generate_series(0, $1::integer - 1)', [
      agents,
    ]);
    await first.query('VACUUM ANALYZE');
    const others = Array.from({ length: this.#connections - 1 }, () => this.#connect());
    this.#clients = [first, ...(await Promise.all(others))];
  }

  async run(seconds: number): Promise<Round> {
    await this.#clients[0]?.query('VACUUM agents, leases');
    const round = await runPairs(this.#workload, seconds, this.#connections, (slot, tenant) =>
      pair(this.#clients[slot] as pg.Client, `guild-${tenant}`),
    );
    const free = "SELECT count(*)::integer AS free FROM agents WHERE state = 'available'";
    const result = await this.#clients[0]?.query<{ free: number }>(free);
    checkBooks(this.#setup.agents, result?.rows[0]?.free ?? 0);
    return round;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => {})));
    // A fast shutdown.
    await this.#server?.stop('SIGINT');
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      host: this.#setup.directory,
      port: 5432,
      user: 'postgres',
      database: 'postgres',
    });
    // A lost connection fails the query that is under way.
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}

async function pair(client: pg.Client, tenant: string): Promise<void> {
  const { rows } = await client.query<{ lease_id: string; agent_id: number; tenant: string }>({
    ...LEASE,
    values: [tenant],
  });
  const [lease] = rows;
  if (lease?.tenant !== tenant) throw new Error(`no agent was granted to ${tenant}`);
  const released = await client.query<{ id: number }>({ ...RELEASE, values: [lease.lease_id] });
  if (released.rows[0]?.id !== lease.agent_id) {
    throw new Error(`lease ${lease.lease_id} was not released`);
  }
}
