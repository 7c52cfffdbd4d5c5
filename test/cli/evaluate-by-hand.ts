/**
 * The figures of `remuda evaluate` as another program would work them out: from the file of
 * decisions alone (for scaling, with the demand), minute by minute, in the plainest way there is.
 */

export type Row = { readonly [column: string]: string };

/** CSV without quotes. */
export function rowsOf(text: string): Row[] {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const columns = header.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(columns.map((column, index) => [column, fields[index] ?? '']));
  });
}

interface Window {
  readonly from: number;
  readonly to: number;
}

export function keepaliveByHand(rows: readonly Row[], { from, to }: Window, cost: number) {
  const decisions = rows.map((row) => ({
    tenant: row.tenant,
    minute: Number(row.minute),
    prewarm: Number(row.prewarm_after_min),
    keep: Number(row.keep_min),
  }));
  let [active, cold, idle, optimum] = [0, 0, 0, 0];
  for (const tenant of new Set(decisions.map((decision) => decision.tenant))) {
    const own = decisions.filter((decision) => decision.tenant === tenant);
    own.sort((a, b) => a.minute - b.minute);
    for (const [nth, { minute, prewarm, keep }] of own.entries()) {
      const next = own[nth + 1]?.minute ?? to;
      for (let number = 1; minute + number < next; number += 1) {
        const isHeld = number >= prewarm + 1 && number <= prewarm + keep;
        if (isHeld && minute + number >= from) idle += 1;
      }
      if (minute < from) continue;
      active += 1;
      const before = own[nth - 1];
      if (before === undefined) {
        cold += 1;
        optimum += cost;
        continue;
      }
      const gap = minute - before.minute - 1;
      const isHeld = gap >= before.prewarm + 1 && gap <= before.prewarm + before.keep;
      if (gap > 0 && !isHeld) cold += 1;
      // Of everything that one could keep without knowing better: none … the whole gap.
      const prices = Array.from({ length: gap + 1 }, (_, kept) => kept + (kept < gap ? cost : 0));
      optimum += Math.min(...prices);
    }
  }
  const price = (cost * cold + idle) / active;
  return {
    active_minutes: active,
    cold,
    idle_minutes: idle,
    cost_per_active_minute: price,
    oracle_cost_per_active_minute: optimum / active,
    regret: price - optimum / active,
  };
}

export function affinityByHand(rows: readonly Row[], { from, to }: Window, agents: number) {
  const requests = rows.map(({ minute, tenant, agent }) => {
    return { minute: Number(minute), tenant, agent };
  });
  const isCounted = (minute: number) => minute >= from && minute < to;
  const counted = requests.filter(({ minute }) => isCounted(minute)).length;
  const lastTenant = new Map<string, string>();
  let hits = 0;
  for (const { minute, tenant = '', agent = '' } of requests) {
    if (agent === '') continue;
    if (isCounted(minute) && lastTenant.get(agent) === tenant) hits += 1;
    lastTenant.set(agent, tenant);
  }

  /** Each agent's last tenant and the minute in which it was last used. */
  const fleet = Array.from({ length: agents }, () => ({ tenant: '', minute: Number.NaN }));
  let best = 0;
  for (const [nth, { minute, tenant = '' }] of requests.entries()) {
    const free = fleet.filter((agent) => agent.minute !== minute);
    const comesAgain = (who: string): number => {
      const ahead = requests.slice(nth + 1).findIndex((request) => request.tenant === who);
      return ahead < 0 ? Number.POSITIVE_INFINITY : ahead;
    };
    let agent = free.find((candidate) => candidate.tenant === tenant);
    if (agent !== undefined && isCounted(minute)) best += 1;
    agent ??= free.find((candidate) => candidate.tenant === '');
    agent ??= free.toSorted((a, b) => {
      const [one, other] = [comesAgain(a.tenant), comesAgain(b.tenant)];
      return one === other ? 0 : other - one;
    })[0];
    if (agent !== undefined) Object.assign(agent, { tenant, minute });
  }
  return {
    requests: counted,
    hits,
    hit_ratio: hits / counted,
    oracle_hit_ratio: best / counted,
  };
}

export function scalingByHand(demand: readonly Row[], rows: readonly Row[], bootSec: number) {
  const needed = demand.map((row) => Number(row.demand));
  /** When each agent serves from, and until when. */
  const agents = Array.from({ length: Math.ceil(needed[0] ?? 0) + 1 }, () => ({
    from: Number.NEGATIVE_INFINITY,
    to: Number.POSITIVE_INFINITY,
  }));
  let [total, short, surplus, changes, reversals] = [0, 0, 0, 0, 0];
  const directions: string[] = [];
  let before: number | null = null;
  for (const [minute, row] of rows.entries()) {
    const t = Number(row.t_sec);
    const wanted = Number(row.desired);
    // Running and starting; those who leave in this minute have been counted out before it.
    const present = agents.filter(({ to }) => to > t);
    for (let n = present.length; n < wanted; n += 1) {
      agents.push({ from: t + bootSec, to: Number.POSITIVE_INFINITY });
    }
    const running = present.filter(({ from }) => from <= t);
    for (const agent of running.slice(0, Math.max(0, present.length - wanted))) agent.to = t + 60;
    const serving = agents.filter(({ from, to }) => from <= t && to > t).length;
    total += needed[minute] ?? Number.NaN;
    short += Math.max(0, (needed[minute] ?? 0) - serving);
    surplus += Math.max(0, serving - (needed[minute] ?? 0));
    if (before !== null && serving !== before) {
      changes += 1;
      const direction = serving > before ? 'up' : 'down';
      if (directions.length > 0 && directions.at(-1) !== direction) reversals += 1;
      directions.push(direction);
    }
    before = serving;
  }
  return {
    short_ratio: short / total,
    surplus_ratio: surplus / total,
    reversals_per_day: reversals / (rows.length / 1_440),
    changes,
  };
}
