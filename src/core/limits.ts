/**
 * Everything has a limit. Each stands beside its reason, and limits that depend on each other
 * assert it here, so that a change of one cannot quietly break another.
 */
import { assert } from './assert.ts';

/** Ten times the fleets that Remuda is for; rows are addressed by 22 bits of a 32-bit word. */
export const MAX_AGENTS = 1 << 22;

/** Rows of the lease table, live and ended. A lease id is a row and its generation. */
export const MAX_LEASES = 1 << 24;

/** Tenants remembered at once. Past it, those longest without any business are forgotten. */
export const MAX_TENANTS = 1 << 23;

/** Tenants that one agent can serve at a time. */
export const MAX_SLOTS = 1_000;

/** A tenant row has room for this many warm agents; `affinitySize` may be lower. */
export const MAX_AFFINITY = 5;

/** Ended leases that can still be read by id, so that a repeated release gets the same answer. */
export const ENDED_LEASES_KEPT = 1 << 16;

/** Ended tickets that can still be read by id. */
export const ENDED_TICKETS_KEPT = 1 << 15;

/** How long an idempotency key is remembered … */
export const ANSWER_KEPT_MS = 24 * 3_600_000;
/** … unless more than this many newer ones push it out. About 0.5 KB each. */
export const ANSWERS_KEPT = 400_000;

/** A lease reported active and never again is a lost client, however long a song may be. */
export const ACTIVE_SILENCE_MS = 24 * 3_600_000;

/** Priority points of low, normal, high, critical. Purpose weights (10 … 30) rank within a step. */
export const PRIORITY_POINTS = [0, 40, 80, 120] as const;
/** What a waiting request gains with each `queue.agingMs`: four steps outweigh one priority. */
export const AGING_POINTS = 10;

/** Utilization from which the pool is under pressure. */
export const PRESSURE_UTILIZATION = 0.8;
/** What idle timeouts shrink toward under `idlePolicy: pressure`. */
export const PRESSURE_IDLE_MS = 5 * 60_000;
/** Below this utilization, `idlePolicy: pressure` lets idle leases stay up to twice as long. */
export const SLACK_UTILIZATION = 0.5;
/** How often an idle lease is looked at again under `idlePolicy: pressure`. */
export const PRESSURE_RECHECK_MS = 30_000;

/** How often those who wait are checked for a lease that has become reclaimable. */
export const RECLAIM_RECHECK_MS = 1_000;

/** The window in which an agent's recent load is counted. */
export const LOAD_WINDOW_MS = 24 * 3_600_000;
/** Leases in the window below which an agent gets 10, or 5, load points. */
export const LIGHT_LOAD = 5;
export const MEDIUM_LOAD = 10;

/** What the autoscaler did, at most so many times, can be read later. About 0.2 KB each. */
export const SCALING_RECORDS_KEPT = 10_000;

/** Invites offered with AGENT_NOT_INSTALLED. */
export const INVITES_OFFERED = 5;
/** Agents among which they are chosen: of so many at random the best is near the best of all. */
export const INVITES_WEIGHED = 64;
/** Fitting agents that are looked at for them, where most are members already or full. */
export const INVITES_LOOKED_AT = 4_096;
/** Tenants of an agent whose hours are compared; only verified agents have more than this. */
export const INVITE_TENANTS_WEIGHED = 100;
/** Tenants of an agent that does not say otherwise: Discord's limit for bots it has not verified. */
export const UNVERIFIED_MAX_TENANTS = 100;

assert(LIGHT_LOAD < MEDIUM_LOAD, 'load classes are ordered');
assert(PRIORITY_POINTS[1] > 30, 'a purpose never outweighs a priority by itself');
assert(SLACK_UTILIZATION < PRESSURE_UTILIZATION, 'a pool is not slack and pressed at once');
assert(INVITES_OFFERED <= INVITES_WEIGHED, 'all that is offered has been weighed');
assert(INVITES_WEIGHED <= INVITES_LOOKED_AT, 'all that is weighed has been looked at');
assert(ENDED_LEASES_KEPT < MAX_LEASES / 2, 'ended leases leave room for live ones');
