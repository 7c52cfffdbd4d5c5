/** After a restart: is everything there that was acknowledged, and nothing that nobody asked for? */
import { type Client, inParallel } from '../client.ts';
import type { LeaseEntry, Ledger, RequestEntry, WireLease } from './ledger.ts';
import { askForLease } from './load.ts';

const WIDTH = 16;
/** Answers with a key that are asked for once more. */
const REPEATED = 25;

interface WireAgent {
  readonly agent_id: string;
  readonly leases: readonly string[];
}

/** Writes what it finds wrong into the ledger, and settles the questions that were left open. */
export async function checkAgainst(client: Client, ledger: Ledger): Promise<void> {
  const agents: WireAgent[] = await client.list('/v1/agents');
  const leases: WireLease[] = await client.list('/v1/leases');
  ledger.noteTokens(leases);
  checkAgents(ledger, agents);
  checkHolders(ledger, agents, leases);
  checkLeases(ledger, leases);
  await checkEnded(client, ledger);
  await checkTickets(client, ledger);
  await settleRequests(client, ledger);
  await repeatAnswers(client, ledger);
  await checkNothingElse(client, ledger);
}

function checkAgents(ledger: Ledger, listed: readonly WireAgent[]): void {
  const there = new Set(listed.map(({ agent_id: id }) => id));
  for (const [id, isSure] of ledger.agents) {
    if (isSure && !there.has(id)) ledger.fault(`${id} was registered and is gone`);
    if (!there.has(id)) ledger.agents.delete(id);
  }
  for (const id of there) {
    if (!ledger.agents.has(id)) ledger.fault(`${id} was never registered`);
    ledger.agents.set(id, true);
  }
}

/** Every agent has one slot, so it may hold one lease; both lists must say the same. */
function checkHolders(
  ledger: Ledger,
  agents: readonly WireAgent[],
  leases: readonly WireLease[],
): void {
  const held = new Map(agents.flatMap((agent) => agent.leases.map((id) => [id, agent.agent_id])));
  for (const { agent_id: id, leases: own } of agents) {
    if (own.length > 1) ledger.fault(`${id} is held twice: ${own.join(', ')}`);
  }
  for (const { lease_id: id, agent_id: agent } of leases) {
    if (held.get(id) !== agent) ledger.fault(`${id} is with ${agent}, which does not know it`);
    held.delete(id);
  }
  if (held.size > 0) ledger.fault(`${held.size} leases of agents are not listed`);
}

function checkLeases(ledger: Ledger, listed: readonly WireLease[]): void {
  const byId = new Map(listed.map((lease) => [lease.lease_id, lease]));
  for (const entry of [...ledger.leases.values()]) {
    const found = byId.get(entry.lease);
    if (found) compare(ledger, entry, found);
    else if (entry.asked === 'released') ledger.leases.delete(entry.lease);
    else ledger.fault(`${entry.lease} of ${entry.agent} was acknowledged and is lost`);
  }
  for (const { lease } of ledger.released) {
    if (byId.has(lease)) ledger.fault(`${lease} was released and lives again`);
  }
}

function compare(ledger: Ledger, entry: LeaseEntry, found: WireLease): void {
  const { lease, agent, token, tenant, state, asked } = entry;
  if (found.agent_id !== agent || found.token !== token || found.tenant !== tenant) {
    ledger.fault(`${lease} was ${JSON.stringify(entry)} and is ${JSON.stringify(found)}`);
  }
  if (found.state !== state && found.state !== asked) {
    ledger.fault(`${lease} was reported ${state} and is ${found.state}`);
  }
  entry.state = found.state as LeaseEntry['state'];
  entry.asked = null;
}

async function checkEnded(client: Client, ledger: Ledger): Promise<void> {
  await inParallel(ledger.released, WIDTH, async ({ lease, token, agent }) => {
    const { status, json } = await client.call('GET', `/v1/leases/${lease}`);
    const is = { status, state: json.state, token: json.token, agent: json.agent_id };
    const isSame = is.status === 200 && is.state === 'released' && is.token === token;
    if (!isSame || is.agent !== agent) ledger.fault(`${lease} was released: ${JSON.stringify(is)}`);
  });
  await inParallel(ledger.cancelled, WIDTH, async ({ ticket }) => {
    const { json } = await client.call('GET', `/v1/tickets/${ticket}`);
    if (json.state !== 'cancelled') ledger.fault(`${ticket} was cancelled and is ${json.state}`);
  });
  ledger.released = [];
  ledger.cancelled = [];
}

async function checkTickets(client: Client, ledger: Ledger): Promise<void> {
  await inParallel([...ledger.tickets.values()], WIDTH, async (entry) => {
    const { ticket, tenant, isLeaving } = entry;
    const { status, json } = await client.call('GET', `/v1/tickets/${ticket}`);
    entry.isLeaving = false;
    if (status !== 200) ledger.fault(`${ticket} was acknowledged and is lost: ${status}`);
    else if (json.tenant !== tenant) ledger.fault(`${ticket} of ${tenant} is of ${json.tenant}`);
    if (json.state === 'queued') return;
    ledger.tickets.delete(ticket);
    if (json.state === 'granted') ledger.granted(json.leases[0]);
    else if (!isLeaving) ledger.fault(`${ticket} waited and is ${json.state}`);
  });
}

/** Requests whose answer was lost: with a key it can be asked for, without one it can be found. */
async function settleRequests(client: Client, ledger: Ledger): Promise<void> {
  const open = [...ledger.requests.values()].filter(({ answer }) => answer === null);
  await inParallel(open, WIDTH, async (entry) => {
    if (entry.key !== null) {
      const [first, again] = [await askForLease(client, entry), await askForLease(client, entry)];
      const [id, idAgain] = [idOf(first.json), idOf(again.json)];
      if (id === undefined || id !== idAgain) {
        ledger.fault(`the key ${entry.key} was answered with ${id}, then with ${idAgain}`);
      }
    }
    const { status, json } = await client.call('GET', `/v1/tenants/${entry.tenant}`);
    const { leases, tickets } = status === 200 ? json : { leases: [], tickets: [] };
    if (leases.length + tickets.length > 1 || (entry.key !== null && status !== 200)) {
      ledger.fault(`${entry.tenant} asked for one agent: ${JSON.stringify(json)}`);
    }
    for (const lease of leases) ledger.granted(lease);
    for (const { ticket_id: id } of tickets) ledger.queued(id, entry.tenant);
    entry.answer = leases[0]?.lease_id ?? tickets[0]?.ticket_id ?? 'nothing';
  });
}

/** The newest answers with a key, asked for once more. Older requests are forgotten here. */
async function repeatAnswers(client: Client, ledger: Ledger): Promise<void> {
  const withKey = [...ledger.requests.values()].filter(({ key }) => key !== null);
  await inParallel(withKey.slice(-REPEATED), WIDTH, async (entry: RequestEntry) => {
    const { status, json } = await askForLease(client, entry);
    const isFirst = (status === 201 || status === 202) && idOf(json) === entry.answer;
    // A ticket that was granted in between is told as it was at first, or by its lease.
    const isOfTicket = entry.answer?.startsWith('tkt') === true && status === 201;
    if (isFirst || isOfTicket || isSettledByLease(entry, json)) return;
    ledger.fault(`${entry.key} was ${entry.answer}, again ${status} ${JSON.stringify(json)}`);
  });
  for (const [tenant, entry] of ledger.requests) {
    if (entry.key === null || entry.answer === 'nothing') ledger.requests.delete(tenant);
  }
  const surplus = ledger.requests.size - REPEATED;
  for (const tenant of [...ledger.requests.keys()].slice(0, Math.max(0, surplus))) {
    ledger.requests.delete(tenant);
  }
}

/** Its answer was a ticket, lost with the connection; when it was looked for, the lease was found. */
function isSettledByLease(entry: RequestEntry, json: { outcome?: string }): boolean {
  return entry.answer?.startsWith('lse') === true && json.outcome === 'queued';
}

// biome-ignore lint/suspicious/noExplicitAny: an answer of either kind.
function idOf(json: any): string | undefined {
  return json.leases?.[0]?.lease_id ?? json.ticket?.ticket_id;
}

/** By now every live lease is in the books, or waits to be claimed with its ticket. */
async function checkNothingElse(client: Client, ledger: Ledger): Promise<void> {
  const leases: WireLease[] = await client.list('/v1/leases');
  const waiting = new Set([...ledger.tickets.values()].map(({ tenant }) => tenant));
  for (const { lease_id: id, tenant } of leases) {
    if (ledger.leases.has(id) || waiting.has(tenant)) continue;
    ledger.fault(`${id} of ${tenant} is in nobody's books`);
  }
}
