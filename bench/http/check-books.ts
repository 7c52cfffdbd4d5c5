/** Does the pool hold what its client was told, no less, no more, and no agent twice? */
import { HttpClient } from '../lib/http-client.ts';
import type { LoadResult } from './plan.ts';

export interface Books {
  readonly granted: number;
  readonly released: number;
  /** Held at the end, by the client's books and by the pool's. */
  readonly held: number;
  readonly listed: number;
  readonly faults: readonly string[];
}

interface ListedLease {
  readonly lease_id: string;
  readonly agent_id: string;
  readonly token: number;
}

/** Every lease that lives. Releases them afterwards, so that the next run begins with none. */
export async function checkBooks(port: number, result: LoadResult): Promise<Books> {
  const { granted, released, held, unsure, doubleGrants, complaints } = result;
  const client = new HttpClient(port, 8);
  const listed = await listLeases(client);
  const faults: string[] = [];
  if (doubleGrants > 0) faults.push(`${doubleGrants} agents were granted while they were held`);
  const byId = new Map(listed.map((lease) => [lease.lease_id, lease]));
  const agents = new Set(listed.map((lease) => lease.agent_id));
  if (agents.size < listed.length) faults.push(`${listed.length - agents.size} agents held twice`);
  const lost = held.filter(({ lease, agent, token }) => {
    const found = byId.get(lease);
    return found === undefined || found.agent_id !== agent || found.token !== token;
  });
  if (lost.length > 0) faults.push(`${lost.length} leases lost, such as ${lost[0]?.lease}`);
  const known = new Set([...held.map(({ lease }) => lease), ...unsure]);
  const strange = listed.filter(({ lease_id: id }) => !known.has(id));
  // Without an answer nobody knows whether a request was granted.
  if (strange.length > 0 && complaints.length === 0) {
    faults.push(`${strange.length} leases that nobody has, such as ${strange[0]?.lease_id}`);
  }
  await Promise.all(listed.map(({ lease_id: id }) => client.call('DELETE', `/v1/leases/${id}`)));
  client.close();
  return { granted, released, held: held.length, listed: listed.length, faults };
}

async function listLeases(client: HttpClient): Promise<ListedLease[]> {
  const leases: ListedLease[] = [];
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`;
    const { status, body } = await client.call('GET', `/v1/leases?limit=1000${query}`);
    if (status !== 200) throw new Error(`the leases were not listed: ${status} ${body}`);
    const page = JSON.parse(body) as { items: ListedLease[]; next_cursor: string | null };
    leases.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return leases;
}
