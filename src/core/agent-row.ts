/**
 * How a row of the agents is laid out: two cache lines, doubles and 32-bit words. The flags share one
 * word: two bits of health, then these, then what is derived.
 */
import { MEDIUM_LOAD } from './limits.ts';

export const WORDS = 32;
export const DOUBLES: number = WORDS / 2;
// Doubles of a row.
export const LAST_USED_AT = 0;
export const USE_SEQUENCE = 1;
export const REGISTERED_AT = 2;
/** Until when LOAD_CLASS holds if there is no further lease. */
export const LOAD_CLASS_UNTIL = 3;
// 32-bit words of a row, after the doubles.
export const PROFILE = 8;
export const BITS = 9;
export const USED = 10;
export const SLOTS = 11;
export const LEASE_HEAD = 12;
export const CLASS = 13;
export const PLACE = 14;
export const GROUP = 15;
export const HOST = 16;
export const RING_AT = 17;
export const RING_START = 18;
/** A double again, behind the ring of ten. */
export const RESCORE_AT = 14;

/** Times of the last ten leases, in seconds: enough to know whether 24 h saw 5, or 10, of them. */
export const RING: number = MEDIUM_LOAD;
/** Second 0 of 1970 in the ring: 32 bits reach from two days before it into the year 2106. */
export const EPOCH: number = 2 * 86_400 - 2 ** 31;
/** No lease: so early that it has left the window at any time. */
export const NEVER: number = -(2 ** 31);
/** Health of an agent that has just been registered. */
export const HEALTHY = 2;

export const HEALTH_MASK = 3;
export const OFFLINE_BIT = 4;
export const DRAINING_BIT = 8;
export const RETIRING_BIT = 16;
export const PROTECTED_BIT = 32;
export const DECLARED_BIT = 64;
export const STARTING_BIT = 128;
export const MANAGED_BIT = 256;
/** The runner that hosts it has lost its connection, and its grace has not passed. */
export const AWAY_BIT = 512;
/** The platform behind it lets it take no new work. */
export const NO_BUDGET_BIT = 1_024;
export const DURABLE_BITS = 2_047;
export const LOAD_CLASS_SHIFT = 11;
export const LOAD_CLASS_MASK = 3;
export const AVAILABILITY_SHIFT = 13;
export const BELOW_AVAILABILITY: number = (1 << AVAILABILITY_SHIFT) - 1;
