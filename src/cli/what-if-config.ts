/** What was configured when a journal was written, as far as it is known, and what is asked for. */
import type { PoolOptions } from '../core/options.ts';
import { poolOptions } from '../server/config/pool-options.ts';
import { readConfig } from './commands/config.ts';
import type { WhatIfOptions } from './commands/what-if.ts';
import type { CliContext } from './context.ts';
import { wrongUsage } from './failure.ts';

export interface WhatIfConfigs {
  readonly recorded: PoolOptions;
  readonly changed: PoolOptions;
  /** Settings of the pool that differ: what was configured, and what is asked for. */
  readonly changes: { readonly [path: string]: readonly [before: unknown, after: unknown] };
}

export async function readConfigs(
  context: CliContext,
  { recordedConfig, config, set = [] }: WhatIfOptions,
): Promise<Omit<WhatIfConfigs, 'changes'>> {
  const recorded = await readConfig(context, recordedConfig, {});
  const changed = await readConfig(context, config ?? recordedConfig, flagsOf(set));
  return { recorded: poolOptions(recorded.config), changed: poolOptions(changed.config) };
}

/**
 * Leases carry their idle timeouts, so those of their purposes are known whatever the file says
 * today. They hold for both runs, unless what is asked for says something else.
 */
export function withRecordedTimeouts(
  { recorded, changed }: Omit<WhatIfConfigs, 'changes'>,
  idleTimeouts: ReadonlyMap<string, number>,
): WhatIfConfigs {
  const before: { [purpose: string]: PoolOptions['purposes'][string] } = { ...recorded.purposes };
  const after: { [purpose: string]: PoolOptions['purposes'][string] } = { ...changed.purposes };
  for (const [purpose, idleTimeoutMs] of idleTimeouts) {
    const configured = recorded.purposes[purpose] ?? recorded.purposes.default!;
    const asked = changed.purposes[purpose] ?? changed.purposes.default!;
    const known = { ...configured, idleTimeoutMs };
    if (JSON.stringify(known) !== JSON.stringify(configured)) before[purpose] = known;
    const isAsked = JSON.stringify(asked) !== JSON.stringify(configured);
    if (!isAsked && before[purpose] !== undefined) after[purpose] = before[purpose];
  }
  const both = {
    recorded: { ...recorded, purposes: before },
    changed: { ...changed, purposes: after },
  };
  return { ...both, changes: changesOf(both.recorded, both.changed) };
}

/** `--set pool.KEY=VALUE`, as the loader of the configuration takes it. */
function flagsOf(set: readonly string[]): { [name: string]: string } {
  const flags: { [name: string]: string } = {};
  for (const text of set) {
    const at = text.indexOf('=');
    const key = text.slice(0, Math.max(0, at)).trim();
    if (key === '') throw wrongUsage(`--set must be KEY=VALUE, not "${text}".`);
    if (!key.startsWith('pool.')) {
      throw wrongUsage(`--set takes keys of the pool, such as pool.idle_policy; not "${key}".`);
    }
    if (key in flags) throw wrongUsage(`--set gives ${key} twice.`);
    flags[key] = text.slice(at + 1);
  }
  return flags;
}

function changesOf(before: object, after: object, path = ''): WhatIfConfigs['changes'] {
  const changes: { [path: string]: readonly [unknown, unknown] } = {};
  const [old, now] = [before, after] as { [key: string]: unknown }[];
  for (const key of new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])) {
    const [a, b] = [old?.[key], now?.[key]];
    if (isMap(a) && isMap(b)) Object.assign(changes, changesOf(a, b, `${path}${key}.`));
    else if (JSON.stringify(a) !== JSON.stringify(b)) changes[path + key] = [a ?? null, b ?? null];
  }
  return changes;
}

function isMap(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
