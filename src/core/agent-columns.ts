/** The durable part of the agents' rows, as columns of a dump and back. */
import {
  AVAILABILITY_SHIFT,
  BITS,
  CLASS,
  DOUBLES,
  DURABLE_BITS,
  GROUP,
  LAST_USED_AT,
  LEASE_HEAD,
  LOAD_CLASS_UNTIL,
  PLACE,
  PROFILE,
  REGISTERED_AT,
  RESCORE_AT,
  RING,
  RING_AT,
  RING_START,
  SLOTS,
  USE_SEQUENCE,
  USED,
  WORDS,
} from './agent-row.ts';
import { OFFLINE } from './profiles.ts';
import { type Columns, doubleColumn, NONE, wordColumn } from './rows.ts';

export function columnsOf(
  i32: Int32Array,
  f64: Float64Array,
  stamps: Int32Array,
  rows: number,
): Columns {
  const word = (offset: number) => wordColumn(i32, rows, WORDS, offset);
  const double = (offset: number) => doubleColumn(f64, rows, DOUBLES, offset);
  const recent = new Int32Array(rows * RING);
  for (let agent = 0; agent < rows; agent++) {
    const from = agent * WORDS + RING_START;
    recent.set(i32.subarray(from, from + RING), agent * RING);
  }
  return {
    profile: word(PROFILE),
    bits: word(BITS).map((bits) => bits & DURABLE_BITS),
    slots: word(SLOTS),
    stamp: stamps.subarray(0, rows),
    last_used_at: double(LAST_USED_AT),
    use_sequence: double(USE_SEQUENCE),
    registered_at: double(REGISTERED_AT),
    recent_leases: recent,
    recent_lease: word(RING_AT),
  };
}

/** One agent as the columns have it, without leases and in no index. */
export function loadRow(i32: Int32Array, f64: Float64Array, columns: Columns, agent: number): void {
  const at = agent * WORDS;
  i32[at + PROFILE] = columns.profile[agent];
  i32[at + BITS] = columns.bits[agent] | (OFFLINE << AVAILABILITY_SHIFT);
  i32[at + SLOTS] = columns.slots[agent];
  i32[at + RING_AT] = columns.recent_lease[agent];
  for (let i = 0; i < RING; i++) {
    i32[at + RING_START + i] = columns.recent_leases[agent * RING + i];
  }
  i32[at + USED] = 0;
  i32[at + LEASE_HEAD] = NONE;
  i32[at + CLASS] = NONE;
  i32[at + GROUP] = NONE;
  i32[at + PLACE] = NONE;
  const doubles = agent * DOUBLES;
  f64[doubles + LOAD_CLASS_UNTIL] = 0;
  f64[doubles + RESCORE_AT] = Number.POSITIVE_INFINITY;
  f64[doubles + LAST_USED_AT] = columns.last_used_at[agent];
  f64[doubles + USE_SEQUENCE] = columns.use_sequence[agent];
  f64[doubles + REGISTERED_AT] = columns.registered_at[agent];
}
