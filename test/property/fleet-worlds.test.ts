/**
 * Agents that the pool starts by itself, several kinds of them beside agents of others, in every
 * kind of trouble: what must hold after each command, what a restart keeps, and that all is well
 * again some checks after the trouble has stopped.
 */
import { expect, test } from 'vitest';
import { fleetScript } from './fleet-steps.ts';
import { FleetWorld } from './fleet-world.ts';
import { forEachOf } from './scripts.ts';

test('a fleet in trouble keeps its promises, and recovers', { timeout: 600_000 }, () => {
  const met = new Set<string>();
  forEachOf(fleetScript, 1_000, (script) => new FleetWorld(script, met).live());
  expect([...wanted()].filter((each) => !met.has(each))).toEqual([]);
});

function* wanted(): IterableIterator<string> {
  yield* ['check_fleet', 'agent_lost', 'agent_starting', 'start_failed', 'switch_autoscaler'];
  yield* ['scale_up', 'scale_down', 'scale_failed', 'replace_unhealthy', 'came back'];
  yield 'protected while it is replaced';
  yield* ['a lost agent holds leases', 'moved to the replacement', 'moved to another'];
  yield* ['left by heartbeat', 'left by check_fleet', 'left by start_failed', 'left as asked'];
  for (const reason of ['agent_lost', 'scaled_down', 'drained', 'reclaimed', 'idle_timeout']) {
    yield `ended ${reason}`;
  }
  for (const reason of ['disabled', 'at min N', 'at max N', 'ports exhausted', 'no port range']) {
    yield `skipped ${reason}`;
  }
  yield* ['skipped cooldown N s left', 'skipped backing off N s left', 'restore', 'replay'];
}
