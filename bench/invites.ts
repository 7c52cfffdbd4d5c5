/**
 * What a plan of invites is worth: 20,000 guilds made of a recorded chat (bench/invites/world.ts)
 * share 2,000 agents of one slot. A plan learns from eight weeks; the two weeks after them are played,
 * and coverage is the share of requests that find a free member. Nobody waits, so that it measures
 * memberships and not patience. With as many invites, chance and "fewest memberships first" do it in
 * the plan's place, with the same number for each guild and with the plan's numbers: the first shows
 * what the plan is worth, the second how much of that is the choice of agents alone.
 *
 *   npm run bench -- invites [--json] [--invites 1,2,3,5] [--guilds 20000] [--agents 2000] [--seed 1]
 *                            [--idle-min 30] [--least-rows 40] [--moved-zones 0] [--trace FILE]
 *
 * With 30 minutes of idling the guilds hold some 950 of the 2,000 agents on average if all are
 * served. --moved-zones 1 puts every guild into a time zone of chance.
 */
import { parseArgs } from 'node:util';
import { learnActivity } from '../src/sim/invites/activity.ts';
import { coverageOf } from '../src/sim/invites/coverage.ts';
import { type InvitePlan, type PlanInput, planInvites } from '../src/sim/invites/plan.ts';
import { sessionsBetween } from '../src/sim/invites/sessions.ts';
import { generator } from './http/random.ts';
import { byChance, fewestFirst, type Members } from './invites/baselines.ts';
import { readWorld, recording } from './invites/world.ts';
import { machine, median, print, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    invites: { type: 'string', default: '1,2,3,5' },
    guilds: { type: 'string', default: '20000' },
    agents: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    'idle-min': { type: 'string', default: '30' },
    'least-rows': { type: 'string', default: '40' },
    'moved-zones': { type: 'string', default: '0' },
    trace: { type: 'string' },
  },
  allowPositionals: true,
});

/** Each baseline is drawn so many times; its median counts. */
const DRAWS = 5;
const MAX_PER_TENANT = 49;
const MAX_PER_AGENT = 100;
const MINUTE_MS = 60_000;

const agentCount = Number(values.agents);
const world = await readWorld(recording(values.trace), {
  ...{ guilds: Number(values.guilds), trainWeeks: 8, testWeeks: 2, seed: Number(values.seed) },
  leastRows: Number(values['least-rows']),
  movedZones: Number(values['moved-zones']),
  idleMs: Number(values['idle-min']) * MINUTE_MS,
});
const { sessions, from, split, to } = world;
const test = sessionsBetween(sessions, split, to);
const agents = Array.from({ length: agentCount }, () => ({ slots: 1, maxTenants: MAX_PER_AGENT }));
const slots = agents.map(() => 1);
const guilds = sessions.tenants;
const learnedAt = performance.now();
const activities = learnActivity(sessionsBetween(sessions, from, split), from, split);
const learnSec = (performance.now() - learnedAt) / 1_000;

function covered(members: Members): number {
  const { served, requests } = coverageOf(test, members, slots);
  return served / requests;
}

function planned(budget: PlanInput['budget']): {
  plan: InvitePlan;
  members: number[][];
  sec: number;
} {
  const startedAt = performance.now();
  const plan = planInvites({
    ...{ activities, agents, budget },
    members: guilds.map(() => []),
    maxAgents: guilds.map(() => MAX_PER_TENANT),
  });
  const sec = (performance.now() - startedAt) / 1_000;
  const members = guilds.map((): number[] => []);
  for (const { tenant, agent } of plan.invites) members[tenant]!.push(agent);
  return { plan, members, sec };
}

function drawn(draw: (seed: number) => Members): number {
  return median(Array.from({ length: DRAWS }, (_, n) => covered(draw(Number(values.seed) + n))));
}

/** As if every invite brought an agent that serves nobody else. */
function alone(counts: readonly number[]): number {
  let agent = 0;
  const members = counts.map((count) => Array.from({ length: count }, () => agent++));
  const { served, requests } = coverageOf(test, members, new Array<number>(agent).fill(1));
  return served / requests;
}

const rounded = (value: number, digits = 4) => Number(value.toFixed(digits));

const sweep = values.invites.split(',').map((text) => {
  const each = Number(text);
  const equal = guilds.map(() => each);
  const same = planned({ perTenant: each });
  const free = planned({ total: each * guilds.length });
  const floor = planned({ total: each * guilds.length, atLeast: 1 });
  const counts = free.members.map((own) => own.length);
  const chance = (all: readonly number[]) =>
    drawn((seed) => byChance(all, agentCount, MAX_PER_AGENT, generator(seed)));
  const fewest = (all: readonly number[]) =>
    drawn((seed) => fewestFirst(all, agentCount, generator(seed)));
  return {
    invites_per_guild: each,
    invites: each * guilds.length,
    same_number: {
      chance: rounded(chance(equal)),
      fewest: rounded(fewest(equal)),
      planned: rounded(covered(same.members)),
      agents_of_its_own: rounded(alone(equal)),
    },
    planned_number: {
      chance: rounded(chance(counts)),
      fewest: rounded(fewest(counts)),
      planned: rounded(covered(free.members)),
      expected: rounded(free.plan.coverageAfter),
      agents_of_its_own: rounded(alone(counts)),
      guilds_without: counts.filter((count) => count === 0).length,
      most: counts.reduce((most, count) => Math.max(most, count), 0),
    },
    planned_at_least_one: rounded(covered(floor.members)),
    plan_sec: rounded(Math.max(same.sec, free.sec), 1),
  };
});

const heldMs = test.end.reduce((sum, end, nth) => sum + end - test.start[nth]!, 0);
const figures = {
  guilds: guilds.length,
  agents: agentCount,
  requests: test.count,
  offered_load: rounded(heldMs / (to - split), 0),
  learn_sec: rounded(learnSec, 1),
  peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1_024),
  sweep,
};
const points = (more: number, less: number) => rounded((more - less) * 100, 1);
const ratios = Object.fromEntries(
  sweep.flatMap((row) => {
    const { invites_per_guild: each, same_number: same, planned_number: free } = row;
    return [
      [`points over chance, ${each} a guild on average`, points(free.planned, same.chance)],
      [`points over chance, ${each} for each guild`, points(same.planned, same.chance)],
      [
        `points over chance, ${each} on average, at least one`,
        points(row.planned_at_least_one, same.chance),
      ],
      [`points over chance with the plan's numbers, ${each}`, points(free.planned, free.chance)],
    ];
  }),
);
if (values.json) {
  process.stdout.write(`${JSON.stringify(report('invites', { figures, ratios }))}\n`);
} else {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  print(
    `Requests that find a free member, ${figures.requests.toLocaleString('en')} of ${guilds.length.toLocaleString('en')} guilds, ${agentCount.toLocaleString('en')} agents, ${figures.offered_load} wanted at a time on average · ${machine()}`,
    [
      ['invites a guild', ...sweep.map((row) => String(row.invites_per_guild))],
      ['the same number for each guild'],
      ['  by chance', ...sweep.map((row) => percent(row.same_number.chance))],
      ['  fewest memberships first', ...sweep.map((row) => percent(row.same_number.fewest))],
      ['  planned', ...sweep.map((row) => percent(row.same_number.planned))],
      [
        '  agents of its own (no sharing)',
        ...sweep.map((row) => percent(row.same_number.agents_of_its_own)),
      ],
      ["as many in all, the plan's number for each"],
      ['  by chance', ...sweep.map((row) => percent(row.planned_number.chance))],
      ['  fewest memberships first', ...sweep.map((row) => percent(row.planned_number.fewest))],
      ['  planned', ...sweep.map((row) => percent(row.planned_number.planned))],
      [
        '  agents of its own (no sharing)',
        ...sweep.map((row) => percent(row.planned_number.agents_of_its_own)),
      ],
      [
        '  planned, at least one for each',
        ...sweep.map((row) => percent(row.planned_at_least_one)),
      ],
      [
        '  guilds without an invite',
        ...sweep.map((row) => row.planned_number.guilds_without.toLocaleString('en')),
      ],
      ['  most for a guild', ...sweep.map((row) => String(row.planned_number.most))],
      ['seconds to plan', ...sweep.map((row) => row.plan_sec.toFixed(1))],
    ],
  );
  print(
    'Percentage points',
    Object.entries(ratios).map(([name, value]) => [name, String(value)]),
  );
  process.stdout.write(
    `\nlearning ${figures.learn_sec} s, peak ${figures.peak_rss_mb} MB, with the world in it\n`,
  );
}
