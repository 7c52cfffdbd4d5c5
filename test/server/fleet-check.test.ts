/** Checks of a fleet that has not been started: what is decided, without any process. */
import { expect, test } from 'vitest';
import { openJournal } from '../../src/adapters/journals/open.ts';
import { ExternalProvisioner } from '../../src/adapters/provisioners/external.ts';
import { specOf } from '../../src/core/fleet.ts';
import { DEFAULT_OPTIONS } from '../../src/core/options.ts';
import { Fleet } from '../../src/host/fleet.ts';
import type { FleetKindOptions } from '../../src/host/fleet-options.ts';
import { Host } from '../../src/host/host.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

const MINUTE = 60_000;
const SILENT = { info: () => {}, warn: () => {}, error: () => {} };
const POLICY = {
  scaleUpThreshold: 0.75,
  scaleDownThreshold: 0.25,
  scaleUpCooldownMs: 0,
  scaleDownCooldownMs: 0,
  unhealthyThreshold: 3,
  utilizationHigh: 0.9,
  utilizationLow: 0.3,
};

/** Agents of a kind that has no more than `max`, all silent for three checks. */
async function silenced(ports: readonly [number, number], max: number) {
  const clock = new VirtualClock(1_760_000_000_000);
  const options = DEFAULT_OPTIONS;
  const journal = openJournal('memory:');
  const host = await Host.open({ journal, clock, options, checksHealth: false });
  const base = { name: 'research', agentName: 'researcher', tools: [], command: [] };
  const kind: FleetKindOptions = { ...base, min: max, max, coreAgent: null, ports };
  const fleet = new Fleet({
    ...{ host, clock, log: SILENT, scalingLog: SILENT, policy: POLICY, enabled: true },
    ...{ provisioner: new ExternalProvisioner(), kinds: [kind], countsMisses: true },
    ...{ checkIntervalMs: MINUTE, startDeadlineMs: MINUTE },
  });
  const ids = Array.from({ length: max }, (_, i) => `researcher_${i + 1}`);
  const agents = ids.map((id, i) => specOf({ ...kind, slots: 1 }, id, ports[0] + i, false));
  await host.execute({ type: 'register', agents });
  await host.execute({ type: 'heartbeat', agents: ids.map((id) => [id, 0.5]) });
  for (let missed = 1; missed < 3; missed++) {
    clock.moveTo(clock.now() + 3 * MINUTE);
    expect((await fleet.check()).actions).toEqual([]);
  }
  const { actions } = await fleet.check();
  await host.close();
  return actions.map(({ kind: what, agent, replaces }) => [what, agent, replaces]);
}

test('all that are found silent at once are replaced under the next numbers', async () => {
  expect(await silenced([9_101, 9_150], 2)).toEqual([
    ['replace_unhealthy', 'researcher_3', 'researcher_1'],
    ['replace_unhealthy', 'researcher_4', 'researcher_2'],
  ]);
});

test('those that find no other port come back under their own ids', async () => {
  expect(await silenced([9_101, 9_103], 2)).toEqual([
    ['replace_unhealthy', 'researcher_3', 'researcher_1'],
    ['replace_unhealthy', 'researcher_2', 'researcher_2'],
  ]);
});
