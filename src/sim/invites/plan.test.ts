import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activityOfHours, learnActivity, type TenantActivity } from './activity.ts';
import { coverageOf } from './coverage.ts';
import { capacityOf, type InvitePlan, type PlanInput, planInvites } from './plan.ts';
import { SessionBuilder, type Sessions, sessionsBetween } from './sessions.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONDAY = Date.UTC(2026, 0, 5);

/** Asks `times` at each of these hours, and holds an agent for half an hour. */
function at(times: number, ...hours: readonly number[]): TenantActivity {
  const grants = Array.from({ length: 24 }, (_, hour) => (hours.includes(hour) ? times : 0));
  return activityOfHours(grants, 30 * MINUTE);
}

function input(more: Partial<PlanInput> & Pick<PlanInput, 'activities'>): PlanInput {
  return {
    agents: [
      { slots: 1, maxTenants: 100 },
      { slots: 1, maxTenants: 100 },
    ],
    members: more.activities.map(() => []),
    maxAgents: more.activities.map(() => 49),
    budget: { perTenant: 1 },
    ...more,
  };
}

const agentsOf = ({ invites }: InvitePlan, tenant: number) =>
  invites.filter((invite) => invite.tenant === tenant).map(({ agent }) => agent);

describe('the choice of agents', () => {
  test('tenants that ask together get different agents, those that do not may share one', () => {
    const evening = at(9, 19, 20, 21);
    const morning = at(9, 7, 8, 9);
    const plan = planInvites(input({ activities: [evening, evening, morning, morning] }));
    expect(agentsOf(plan, 0)).not.toEqual(agentsOf(plan, 1));
    expect(agentsOf(plan, 2)).not.toEqual(agentsOf(plan, 3));
    expect(plan.invites).toHaveLength(4);
  });

  test('an agent whose present tenants ask at other hours is better than one with fewer', () => {
    const plan = planInvites(
      input({
        activities: [at(9, 20), at(9, 8), at(9, 9), at(9, 20)],
        members: [[0], [1], [1], []],
      }),
    );
    expect(agentsOf(plan, 3)).toEqual([1]);
  });

  test('a tenant that asks more, or for several at once, gets more agents', () => {
    const calm = at(1, 12);
    const busy = at(12, 12, 13, 14);
    const many = { ...busy, atOnce: [0.3, 0.3, 0.4] };
    const agents = Array.from({ length: 6 }, () => ({ slots: 1, maxTenants: 100 }));
    const activities = [calm, busy, many, at(0)];
    const plan = planInvites(input({ activities, agents, budget: { total: 7 } }));
    const counts = activities.map((_, tenant) => agentsOf(plan, tenant).length);
    expect(counts[0]).toBeLessThanOrEqual(counts[1]!);
    expect(counts[1]).toBeLessThan(counts[2]!);
    expect(counts[3], 'who never asks needs nobody').toBe(0);
  });

  test('every tenant can be given one agent at least, before need decides', () => {
    const activities = [at(0), at(12, 20, 21), at(1, 3)];
    const counts = (budget: PlanInput['budget']) => {
      const plan = planInvites(input({ activities, budget }));
      return activities.map((_, tenant) => agentsOf(plan, tenant).length);
    };
    expect(counts({ total: 4, atLeast: 1 })).toEqual([1, 2, 1]);
    expect(counts({ total: 3 })).toEqual([0, 2, 1]);
    const members = [[0], [], []];
    const plan = planInvites(input({ activities, members, budget: { total: 2, atLeast: 1 } }));
    expect(agentsOf(plan, 0), 'it has one already').toEqual([]);
  });

  test('an agent with more slots takes more tenants', () => {
    const agents = [
      { slots: 1, maxTenants: 100 },
      { slots: 4, maxTenants: 100 },
    ];
    const activities = Array.from({ length: 5 }, () => at(12, 18, 19, 20));
    const plan = planInvites(input({ activities, agents }));
    const onSecond = plan.invites.filter(({ agent }) => agent === 1);
    expect(onSecond.length).toBeGreaterThanOrEqual(3);
  });

  test('invites come with their gains, the greatest first, and add up to the coverage', () => {
    const activities = [at(5, 19), at(9, 20, 21), at(2, 8)];
    const plan = planInvites(input({ activities, budget: { perTenant: 2 } }));
    const gains = plan.invites.map(({ gain }) => gain);
    expect(gains).toEqual([...gains].sort((a, b) => b - a));
    expect(plan.coverageBefore).toBe(0);
    expect(plan.coverageAfter).toBeGreaterThan(0.9);
    expect(plan.invites.every(({ busy }) => busy >= 0 && busy < 1)).toBe(true);
  });
});

const activity = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.uniqueArray(fc.nat(23), { maxLength: 4 }))
  .map(([times, hours]) => at(times, ...hours));

const world = fc
  .record({
    tenants: fc.array(fc.record({ activity, has: fc.uniqueArray(fc.nat(5), { maxLength: 4 }) }), {
      maxLength: 12,
    }),
    agents: fc.array(fc.record({ slots: fc.integer({ min: 1, max: 3 }), maxTenants: fc.nat(6) }), {
      maxLength: 6,
    }),
    most: fc.nat(5),
    budget: fc.oneof(
      fc.record({ total: fc.nat(40), atLeast: fc.nat(2) }),
      fc.record({ perTenant: fc.nat(6) }),
    ),
  })
  .map(
    ({ tenants, agents, most, budget }): PlanInput => ({
      activities: tenants.map((tenant) => tenant.activity),
      agents,
      members: tenants.map(({ has }) => has.filter((agent) => agent < agents.length)),
      maxAgents: tenants.map((_, tenant) => Math.max(0, most - (tenant % 2))),
      budget,
    }),
  );

describe('whatever is asked of it', () => {
  test('a plan keeps every limit, repeats nothing, and is the same again', () => {
    fc.assert(
      fc.property(world, (given) => {
        const before = structuredClone(given);
        const plan = planInvites(given);
        expect(given, 'the input is left alone').toEqual(before);
        expect(planInvites(given)).toEqual(plan);
        const pairs = new Set(plan.invites.map(({ tenant, agent }) => `${tenant} ${agent}`));
        expect(pairs.size, 'no invite twice').toBe(plan.invites.length);
        given.members.forEach((own, tenant) => {
          const added = agentsOf(plan, tenant);
          expect(
            added.filter((agent) => own.includes(agent)),
            'no member again',
          ).toEqual([]);
          if (added.length > 0) {
            expect(own.length + added.length).toBeLessThanOrEqual(given.maxAgents[tenant]!);
          }
          const { budget } = given;
          if ('perTenant' in budget) expect(added.length).toBeLessThanOrEqual(budget.perTenant);
        });
        given.agents.forEach(({ maxTenants }, agent) => {
          const had = given.members.filter((own) => own.includes(agent)).length;
          const added = plan.invites.filter((invite) => invite.agent === agent).length;
          if (added > 0) expect(had + added).toBeLessThanOrEqual(maxTenants);
        });
        const { budget } = given;
        if ('total' in budget) expect(plan.invites.length).toBeLessThanOrEqual(budget.total);
        expect(plan.invites.length).toBeLessThanOrEqual(capacityOf(given));
        expect(plan.coverageAfter).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });

  test('all the room that the limits leave is used where everybody gets the same', () => {
    const activities = Array.from({ length: 10 }, (_, n) => at(3, n));
    const agents = Array.from({ length: 5 }, () => ({ slots: 1, maxTenants: 4 }));
    const plan = planInvites(input({ activities, agents, budget: { perTenant: 2 } }));
    expect(plan.invites).toHaveLength(20);
  });
});

/** From 0 to 1 (Park and Miller 1988). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Eight weeks of 400 tenants, each with three hours of the day of its own and a rate of its own. */
function smallWorld(): Sessions {
  const random = generator(7);
  const builder = new SessionBuilder(30 * MINUTE);
  for (let tenant = 0; tenant < 400; tenant += 1) {
    const hour = Math.floor(random() * 24);
    const aDay = 0.2 + 3 * random() ** 3;
    for (let day = 0; day < 56; day += 1) {
      for (let at = 0; at < 3; at += 1) {
        if (random() > aDay / 3) continue;
        const start = MONDAY + day * DAY + ((hour + at) % 24) * HOUR + random() * 30 * MINUTE;
        builder.add({ at: start, tenant: `t${tenant}`, durationMs: random() * 60 * MINUTE });
      }
    }
  }
  return builder.sessions();
}

describe('on weeks that it has not seen', () => {
  test.each([
    [1, 0.1],
    [2, 0.03],
  ])('it covers more than chance does, with %i invites for each tenant', (each, more) => {
    const sessions = smallWorld();
    const split = MONDAY + 42 * DAY;
    const train = sessionsBetween(sessions, MONDAY, split);
    const unseen = sessionsBetween(sessions, split, MONDAY + 56 * DAY);
    const agents = Array.from({ length: 24 }, () => ({ slots: 1, maxTenants: 100 }));
    const slots = agents.map(() => 1);
    const plan = planInvites({
      activities: learnActivity(train, MONDAY, split),
      agents,
      members: sessions.tenants.map(() => []),
      maxAgents: sessions.tenants.map(() => 49),
      budget: { perTenant: each },
    });
    const random = generator(11);
    const chance = sessions.tenants.map(() => {
      const own = new Set<number>();
      while (own.size < each) own.add(Math.floor(random() * agents.length));
      return [...own];
    });
    const planned = sessions.tenants.map((_, tenant) => agentsOf(plan, tenant));
    const share = (members: readonly (readonly number[])[]) => {
      const { served, requests } = coverageOf(unseen, members, slots);
      return served / requests;
    };
    expect(share(planned) - share(chance)).toBeGreaterThan(more);
    expect(Math.abs(share(planned) - plan.coverageAfter), 'as expected').toBeLessThan(0.1);
  });
});
