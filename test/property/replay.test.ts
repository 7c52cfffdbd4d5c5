/**
 * What is recorded is enough. A pool that repeats the events, or that starts from a dump and
 * repeats the rest, has the same state, byte for byte; and from then on it answers the same
 * commands in the same way. Between the pools nothing is shared but bytes and JSON.
 */
import { test } from 'vitest';
import { checkReplay, checkRestart } from './restarts.ts';
import { forEachScript } from './scripts.ts';

test('events and dumps rebuild the state byte for byte', { timeout: 600_000 }, () => {
  forEachScript(700, checkReplay);
});

test('a restarted pool goes on as one that never stopped', { timeout: 600_000 }, () => {
  forEachScript(700, checkRestart);
});
