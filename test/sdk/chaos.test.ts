/**
 * Two clients and a runner with one agent play the same small scene again and again, and each time
 * one connection suffers at one step of the protocol: it is cut before or after, delayed, or all it
 * has said is said once more behind its back. Whatever happens: nobody is granted twice, nobody
 * holds the agent together with somebody else, each who waits is told once, and nothing is left.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CommittedEvent } from '../../src/host/host-api.ts';
import { runAgents } from '../../src/sdk/agent.ts';
import { connect, type Lease } from '../../src/sdk/client.ts';
import { numberOfRuns } from '../property/scripts.ts';
import { start, type TestServer } from '../server/support.ts';
import { ChaosProxy, type Fault } from './chaos-proxy.ts';

const FLAGS = { 'pool.accept_timeout_sec': '2', 'pool.reconnect_grace_sec': '2' };
const PATIENT = { timeout: 15_000, interval: 10 };
const KINDS = ['cut before', 'cut after', 'delay', 'double', 'late double'] as const;
/** Steps of the scene on one connection, with some to spare: a fault beyond the last is none. */
const STEPS = { first: 14, second: 14, agent: 24 };
type Part = keyof typeof STEPS;

let server: TestServer;
let nth = 0;

beforeAll(async () => {
  server = await start({ flags: FLAGS });
});
afterAll(() => server.stop());

describe.each(Object.keys(STEPS) as Part[])('the connection of the %s', (part) => {
  test.each(KINDS)('may suffer at every step: %s', { timeout: 120_000 }, async (kind) => {
    const share = numberOfRuns(1);
    let struck = 0;
    for (let step = 0; step < STEPS[part] * share; step++) {
      if (await scene(part, { step, kind })) struck++;
    }
    // Otherwise the scene would hardly have been disturbed at all.
    expect(struck).toBeGreaterThan(4);
  });
});

/** Plays the scene; whether the fault came to pass. */
async function scene(part: Part, fault: Fault): Promise<boolean> {
  const id = nth++;
  const specialization = `s${id}`;
  const words = `${part}, ${fault.kind} at ${fault.step}`;
  const events: CommittedEvent['event'][] = [];
  const unsubscribe = server.host.onCommitted((batch) => {
    for (const { event } of batch) events.push(event);
  });
  const proxyOf = (name: Part) => ChaosProxy.to(server.port, name === part ? fault : null);
  const proxies = {
    first: await proxyOf('first'),
    second: await proxyOf('second'),
    agent: await proxyOf('agent'),
  };
  const served: string[] = [];
  let serving = 0;
  let mostServing = 0;
  const runner = await runAgents({
    url: proxies.agent.url,
    agents: [{ agentId: `a${id}`, specialization }],
    async onAssign(lease, { signal }) {
      served.push(lease.tenant);
      mostServing = Math.max(mostServing, ++serving);
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      serving--;
    },
  });
  const [first, second] = await Promise.all([
    connect(proxies.first.url),
    connect(proxies.second.url),
  ]);
  const told: string[] = [];
  const ask = async (pool: typeof first, tenant: string): Promise<Lease> => {
    const lease = await pool.lease({ tenant, specialization, queueTimeoutSec: 20 });
    told.push(tenant);
    return lease;
  };
  // The first has it, the second waits, the first gives it back, the second has it.
  const one = await ask(first, `${id}/one`);
  const waiting = ask(second, `${id}/two`);
  await vi.waitFor(() => expect(served).toContain(`${id}/one`), PATIENT);
  await one.active();
  await one.release();
  const two = await waiting;
  await two.idle();
  await vi.waitFor(() => expect(served).toContain(`${id}/two`), PATIENT);
  await two.release();
  await Promise.all([first.close(), second.close()]);
  await runner.close();
  for (const proxy of Object.values(proxies)) await proxy.settled();

  expect(told, words).toEqual([`${id}/one`, `${id}/two`]);
  expect(mostServing, words).toBe(1);
  // A lease may have ended early and been asked for anew only if the pool says why.
  const own = granted(events, id);
  expect(overlaps(own), words).toEqual([]);
  await vi.waitFor(async () => {
    const { json } = await server.call('GET', '/v1/leases?limit=1000');
    expect(json.items, words).toEqual([]);
    expect((await server.call('GET', '/v1/stats')).json.queue.length, words).toBe(0);
  }, PATIENT);
  expect(own.filter(({ tenant }) => tenant.endsWith('/one')).length, words).toBe(1);
  expect(own.filter(({ tenant }) => tenant.endsWith('/two')).length, words).toBe(1);
  unsubscribe();
  const { struck } = proxies[part];
  for (const proxy of Object.values(proxies)) proxy.close();
  await server.call('DELETE', `/v1/agents/a${id}?force=true`);
  return struck;
}

interface Grant {
  readonly lease: string;
  readonly tenant: string;
  readonly from: number;
  until: number;
}

/** The grants of a scene, by their places among the events. */
function granted(events: readonly CommittedEvent['event'][], id: number): Grant[] {
  const grants: Grant[] = [];
  events.forEach((event, at) => {
    if (event.type === 'lease_granted' && event.tenant.startsWith(`${id}/`)) {
      const { lease, tenant } = event;
      grants.push({ lease, tenant, from: at, until: Number.POSITIVE_INFINITY });
    } else if (event.type === 'lease_ended') {
      const grant = grants.find(({ lease, until }) => lease === event.lease && until > at);
      if (grant !== undefined) grant.until = at;
    }
  });
  return grants;
}

/** The scene has one agent, so no two of its grants may last at the same time. */
function overlaps(grants: readonly Grant[]): string[] {
  return grants.slice(1).flatMap((grant, i) => {
    const before = grants[i] as Grant;
    return before.until > grant.from ? [`${before.lease} and ${grant.lease}`] : [];
  });
}
