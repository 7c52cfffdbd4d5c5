/**
 * The engine must always answer as the naive model does. Each command, outcome, refusal, ending
 * and reason must be met at least once, or the comparison has proved little.
 */
import { expect, test } from 'vitest';
import { REFUSALS } from '../../src/core/outcome.ts';
import { END_REASONS, LEASE_STATES, REJECTIONS, TICKET_STATES } from '../../src/core/words.ts';
import { compare } from './compare.ts';
import { forEachScript } from './scripts.ts';

test('every answer is the one that the naive model gives', { timeout: 600_000 }, () => {
  const met = new Set<string>();
  forEachScript(2_000, (script) => compare(script, met));
  expect([...wanted()].filter((each) => !met.has(each))).toEqual([]);
});

function* wanted(): IterableIterator<string> {
  for (const type of ['lease', 'report', 'release', 'register', 'heartbeat', 'tick']) {
    yield `command ${type}`;
  }
  for (const type of ['cancel_ticket', 'claim_ticket', 'set_membership', 'check_health']) {
    yield `command ${type}`;
  }
  for (const type of ['update', 'retire', 'drain', 'resume']) yield `command ${type}_agent`;
  for (const outcome of ['granted', 'queued', 'lease', 'ticket', 'agent', 'registered']) {
    yield `outcome ${outcome}`;
  }
  for (const outcome of ['heartbeats', 'membership', 'checked', 'ticked', 'refused']) {
    yield `outcome ${outcome}`;
  }
  for (const code of Object.keys(REFUSALS)) yield `code ${code}`;
  for (const how of ['reused', 'affinity', 'score', 'reclaim', 'near', 'pack']) yield `how ${how}`;
  for (const state of LEASE_STATES) if (state !== 'releasing') yield `lease ${state}`;
  for (const state of TICKET_STATES) yield `ticket ${state}`;
  for (const reason of END_REASONS) {
    // Only hosts that start agents, and the autoscaler, give these.
    if (reason !== 'agent_failed_to_accept' && reason !== 'scaled_down') yield `end ${reason}`;
  }
  for (const reason of REJECTIONS) {
    // Only agents that the pool starts by itself are ever starting: see fleet.test.ts.
    if (reason !== 'STARTING' && reason !== 'NO_BUDGET') yield `rejected ${reason}`;
  }
  yield* ['repeated', 'dry run granted', 'dry run queued', 'warm', 'moved', 'invites'];
}
