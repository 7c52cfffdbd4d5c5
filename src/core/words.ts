/**
 * The vocabulary of the pool. One word, one meaning; GLOSSARY.md explains each.
 * Ordered lists are ranks: the position in the list is the number that tables store.
 */

/** Ranks of quality, best last, so that a higher number is a better tier. */
export const TIERS = ['lite', 'standard', 'premium'] as const;
export type Tier = (typeof TIERS)[number];

/** Best last. Health says whether an agent works; phase says what it is doing. */
export const HEALTHS = ['unhealthy', 'degraded', 'healthy'] as const;
export type Health = (typeof HEALTHS)[number];

export const PHASES = [
  'offline',
  'starting',
  'available',
  'leased',
  'draining',
  'retired',
] as const;
export type Phase = (typeof PHASES)[number];

/** Urgency of a request, most urgent last. */
export const PRIORITIES = ['low', 'normal', 'high', 'critical'] as const;
export type Priority = (typeof PRIORITIES)[number];

/**
 *  allocated ──► active ◄──► idle
 *      │  │         │          │
 *      │  └─────────┼──► idle  │
 *      └────────────┴──────────┴──► releasing ──► released
 *
 * `allocated`: granted, the agent is connecting. `releasing`: the agent was asked to let go.
 */
export const LEASE_STATES = ['allocated', 'active', 'idle', 'releasing', 'released'] as const;
export type LeaseState = (typeof LEASE_STATES)[number];

export const END_REASONS = [
  'released',
  'idle_timeout',
  'reclaimed',
  'expired',
  'agent_lost',
  'agent_failed_to_accept',
  'drained',
  'scaled_down',
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** What the autoscaler does. `scale_failed`: an agent could not be started. */
export const SCALING_KINDS = [
  'scale_up',
  'scale_down',
  'replace_unhealthy',
  'scale_failed',
] as const;
export type ScalingKind = (typeof SCALING_KINDS)[number];

export const TICKET_STATES = ['queued', 'granted', 'expired', 'cancelled'] as const;
export type TicketState = (typeof TICKET_STATES)[number];

export const SELECTIONS = ['score', 'pack'] as const;
export type Selection = (typeof SELECTIONS)[number];

export const MEMBERSHIP_MODES = ['ignored', 'required'] as const;
export type MembershipMode = (typeof MEMBERSHIP_MODES)[number];

export const IDLE_POLICIES = ['fixed', 'pressure'] as const;
export type IdlePolicy = (typeof IDLE_POLICIES)[number];

/** Why an agent was passed over. An explanation counts agents under exactly one of these. */
export const REJECTIONS = [
  'WRONG_SPECIALIZATION',
  'MISSING_TOOLS',
  'TIER_TOO_LOW',
  'TOO_EXPENSIVE',
  'NOT_INSTALLED',
  'OFFLINE',
  'DRAINING',
  'UNHEALTHY',
  'LEASED',
  'STARTING',
  'NO_BUDGET',
  'SERVES_TENANT',
  'WITHHELD_FOR_GROUP',
] as const;
export type Rejection = (typeof REJECTIONS)[number];

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Metadata = { readonly [key: string]: Json };
export type Labels = { readonly [key: string]: string };

/** The purpose of a request that names none. */
export const DEFAULT_PURPOSE = 'general';
