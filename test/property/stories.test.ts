import { describe, expect, test } from 'vitest';
import { Pool } from '../../src/core/pool.ts';
import { compare } from './compare.ts';
import { checkReplay, checkRestart } from './restarts.ts';
import { START } from './scripts.ts';
import { STORIES, scriptOf } from './stories.ts';

describe.each(STORIES.map((story) => [story.title, story] as const))('%s', (_, story) => {
  test('the engine answers as the naive model does', () => {
    compare(scriptOf(story), new Set());
    compare({ ...scriptOf(story), ticking: true }, new Set());
  });

  test('pools rebuilt in the middle do the same', () => {
    checkReplay(scriptOf(story));
    checkRestart(scriptOf(story));
  });
});

test('an agent without leases has no load, whatever the clock says', () => {
  for (const start of [0, 1_000, START, 2 ** 31 * 1_000, 2 ** 32 * 1_000 - 3 * 86_400_000]) {
    const pool = new Pool(scriptOf(STORIES[0]).options);
    const [spec] = STORIES[0].agents;
    pool.execute({ type: 'register', agents: [spec] }, start);
    expect(pool.agent(spec.agentId)?.leases24h).toBe(0);
    for (let i = 0; i < 6; i++) {
      const answer = pool.execute({ type: 'lease', tenant: `t${i}` }, start + i);
      if (answer.outcome !== 'granted') throw new Error(answer.outcome);
      pool.execute({ type: 'release', lease: answer.leases[0].leaseId }, start + i);
    }
    expect(pool.agent(spec.agentId)?.leases24h).toBe(6);
  }
});
