import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgentSpec } from '../../core/command.ts';
import { Agenda } from './agenda.ts';
import { agreementOf } from './compare.ts';
import { changeFleet } from './fleet-change.ts';
import { waitFigures } from './meter.ts';
import type { KnownAgent, Outcome, Recording } from './recording.ts';

describe('an agenda', () => {
  it('gives what is due by time and number, and what has no number last', () => {
    const entry = fc.tuple(
      fc.integer({ min: 0, max: 5 }),
      fc.option(fc.integer({ min: 0, max: 9 })),
    );
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const agenda = new Agenda();
        const taken: (typeof entries)[number][] = [];
        for (const one of entries) agenda.add(one[0], one[1], () => taken.push(one));
        for (let due = agenda.take(); due !== undefined; due = agenda.take()) {
          expect(agenda.nextAt).toBeGreaterThanOrEqual(due.at);
          due.act();
        }
        const key = ([at, number]: (typeof entries)[number]) => at * 100 + (number ?? 99);
        expect(taken.map(key)).toEqual(entries.map(key).sort((a, b) => a - b));
      }),
    );
  });
});

describe('a change of the fleet', () => {
  const known = (agentId: string, specialization: string, more: Partial<KnownAgent> = {}) => {
    const spec: AgentSpec = {
      ...{ agentId, specialization, tools: [], tier: 'standard', slots: 1, costPerHour: 1 },
      ...{ labels: {}, protected: false, memberships: ['guild'] },
    };
    return { spec, isThere: false, isUsed: false, ...more };
  };
  const recording = {
    agents: [
      known('m1', 'music', { isUsed: true }),
      known('m2', 'music'),
      known('m3', 'music'),
      known('m4', 'music', { isUsed: true }),
      known('what_if_7', 'chat'),
      known('c2', 'chat'),
    ],
  } as unknown as Recording;

  it('leaves out of each kind in proportion, idle ones and late ones first', () => {
    expect([...changeFleet(recording, -3).removed]).toEqual(['m3', 'm2', 'c2']);
    expect(changeFleet(recording, -3).added).toEqual([]);
  });

  it('adds to each kind in proportion, under names of their own', () => {
    const { added, removed } = changeFleet(recording, 4);
    expect(removed.size).toBe(0);
    expect(added.map(({ spec, like }) => [spec.agentId, spec.specialization, like])).toEqual([
      ['what_if_8', 'music', 'm1'],
      ['what_if_9', 'music', 'm2'],
      ['what_if_10', 'music', 'm3'],
      ['what_if_11', 'chat', 'what_if_7'],
    ]);
    expect(added[0]?.spec.memberships).toEqual(['guild']);
  });
});

describe('waits', () => {
  it('are by nearest rank', () => {
    expect(waitFigures([])).toEqual({ p50: 0, p95: 0, p99: 0, max: 0, mean: 0 });
    const waits = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(waitFigures(waits)).toEqual({ p50: 50, p95: 95, p99: 99, max: 100, mean: 50.5 });
  });
});

describe('an agreement', () => {
  const outcome = (more: Partial<Outcome>): Outcome => ({
    ...{ outcome: 'granted', queued: false, waitMs: 0, agents: ['a'], warm: false },
    ...more,
  });

  it('counts what is alike, each for itself and all together', () => {
    const real = [outcome({}), outcome({}), outcome({}), outcome({ queued: true, waitMs: 5_000 })];
    const run = [
      outcome({}),
      outcome({ agents: ['b'], warm: true }),
      outcome({ outcome: 'refused', code: 'X', agents: [] }),
      outcome({ queued: true, waitMs: 5_999 }),
    ];
    expect(agreementOf(real, run)).toEqual({
      ...{ requests: 4, same: 0.5, same_outcome: 0.75, same_agents: 0.5, same_warmth: 0.75 },
      ...{ same_time: 1, largest_difference_ms: 999 },
    });
  });
});
