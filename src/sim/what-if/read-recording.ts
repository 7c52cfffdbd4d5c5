/** A journal, or a part of it, as a recording. Reading needs no lock: the server may go on. */
import type { AgentSpec } from '../../core/command.ts';
import type { Event } from '../../core/event.ts';
import { ticketId } from '../../core/ids.ts';
import { IDLE } from '../../core/leases.ts';
import type { PoolOptions } from '../../core/options.ts';
import { Pool } from '../../core/pool.ts';
import { PRIORITIES } from '../../core/words.ts';
import { decodeDump, decodeEvents } from '../../host/codec.ts';
import { type Batch, JournalError, type JournalReader } from '../../host/ports.ts';
import { FleetRecorder } from './fleet-recorder.ts';
import { Meter } from './meter.ts';
import { type QueuedAtStart, Recorder } from './recorder.ts';
import type { HeldLease, KnownAgent, Recording } from './recording.ts';

export interface RecordingQuery {
  /** As far as it is known: what was configured when the journal was written. */
  readonly pool: PoolOptions;
  /** ms since 1970. */
  readonly from?: number;
  /** Exclusive. */
  readonly to?: number;
  readonly signal?: AbortSignal;
  /** Told now and then how far the journal has been read: events, and the last one of all. */
  readonly onRead?: (events: number, last: number) => void;
}

/** Null when no event falls into the time that is asked for. Throws JournalError. */
export async function readRecording(
  journal: JournalReader,
  query: RecordingQuery,
): Promise<Recording | null> {
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, signal } = query;
  const last = await journal.lastEvent();
  const pool = new Pool(query.pool);
  const first = await firstEvent(journal, pool);
  let begun: Begun | null = null;
  const events: Event[] = [];
  const close = async (): Promise<Recording | null> => {
    const end = events.at(-1)?.at;
    if (begun === null || end === undefined) return null;
    return record(pool, query.pool, begun, events, query.to ?? end + 1, first > 1);
  };
  for await (const batch of journal.read(first)) {
    signal?.throwIfAborted();
    query.onRead?.(batch.first, last);
    for (const [index, event] of eventsFrom(batch, first).entries()) {
      if (event.at >= to) return await close();
      if (event.at < from) {
        pool.apply([event]);
        continue;
      }
      begun ??= {
        number: Math.max(batch.first, first) + index,
        from: Math.max(query.from ?? event.at, pool.state.now),
      };
      events.push(event);
    }
  }
  return await close();
}

interface Begun {
  /** Of the first event. */
  readonly number: number;
  readonly from: number;
}

function eventsFrom(batch: Batch, first: number): Event[] {
  const events = decodeEvents(batch.payload);
  return batch.first >= first ? events : events.slice(first - batch.first);
}

/** Where reading begins. Where older events are gone, `pool` becomes what the snapshot holds. */
async function firstEvent(journal: JournalReader, pool: Pool): Promise<number> {
  try {
    for await (const _batch of journal.read(1)) break;
    return 1;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    const snapshot = await journal.loadSnapshot();
    if (snapshot === null) throw error;
    pool.restore(decodeDump(snapshot.chunks));
    return snapshot.lastEvent + 1;
  }
}

function record(
  pool: Pool,
  { queue }: PoolOptions,
  { number, from }: Begun,
  events: readonly Event[],
  to: number,
  isCut: boolean,
): Recording {
  const held = heldLeases(pool);
  const fleet = new FleetRecorder(knownAgents(pool), hostedAgents(pool));
  const recorder = new Recorder(fleet, held, queuedTickets(pool), queue.timeoutMs);
  const meter = new Meter(pool, from, to);
  for (const [index, event] of events.entries()) {
    recorder.note(event, number + index);
    meter.note(event);
  }
  recorder.finish(to);
  meter.advance(to);
  const { requests, idleTimeouts, changedTimeouts } = recorder;
  return {
    ...{ start: pool.dump(), from, to, requests, held, idleTimeouts, isCut },
    fleet: fleet.inputs,
    agents: fleet.agents,
    peakAgents: fleet.peak,
    changedTimeouts: [...changedTimeouts],
    events: events.length,
    figures: meter.figures(
      requests.map(({ happened }) => happened),
      0,
    ),
  };
}

function* agentRows({ state: { agents } }: Pool): IterableIterator<number> {
  for (let row = 0; row < agents.names.end; row += 1) if (agents.names.has(row)) yield row;
}

function knownAgents(pool: Pool): KnownAgent[] {
  const { agents } = pool.state;
  return Array.from(agentRows(pool), (row) => {
    const view = pool.agent(agents.names.name(row))!;
    const { agentId, specialization, tools, tier, slots, costPerHour, labels, memberships } = view;
    const spec: AgentSpec = {
      ...{ agentId, specialization, tools, tier, slots, costPerHour, labels, memberships },
      protected: view.protected,
    };
    return { spec, isThere: true, isUsed: view.usedSlots > 0 };
  });
}

function hostedAgents({ state: { agents, hosting } }: Pool): string[] {
  return Array.from(hosting.agents(), (row) => agents.names.name(row));
}

function heldLeases(pool: Pool): (HeldLease & { readonly agent: string })[] {
  const { agents, leases, tenants } = pool.state;
  const held: (HeldLease & { readonly agent: string })[] = [];
  for (const row of agentRows(pool)) {
    for (let lease = agents.leaseHead(row); lease >= 0; lease = leases.nextOfAgent(lease)) {
      const id = leases.id(lease);
      const { allocatedAt } = pool.lease(id)!;
      const isUnaccepted = pool.state.hosting.isUnaccepted(lease);
      held.push({
        lease: id,
        agent: agents.names.name(row),
        // One that is allocated has a client that is about to use it.
        isActive: leases.state(lease) !== IDLE,
        tenant: tenants.names.name(leases.tenant(lease)),
        purpose: leases.purpose(lease),
        priority: PRIORITIES[leases.priority(lease)]!,
        demand: leases.requirement(lease).demand,
        use: { lease: id, grantedAt: allocatedAt, steps: [], accepts: [isUnaccepted ? null : 0] },
      });
    }
  }
  return held;
}

function queuedTickets(pool: Pool): QueuedAtStart[] {
  const queued: QueuedAtStart[] = [];
  for (const ticket of pool.state.tickets.rows) {
    if (ticket?.state !== 'queued') continue;
    const { number, queuedAt, tenantName, purpose, priority, requirement, count } = ticket;
    queued.push({
      ticket: ticketId(number),
      request: {
        ...{ number: 0, at: queuedAt, tenant: tenantName, purpose, count, near: [], reuse: true },
        priority: PRIORITIES[priority]!,
        demand: requirement.demand,
        lifetimeMs: ticket.lifetimeMs,
      },
    });
  }
  return queued;
}
