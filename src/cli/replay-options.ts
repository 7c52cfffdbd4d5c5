/** The options of `remuda replay`, and what of them is the pool's. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { IDLE_POLICIES, SELECTIONS } from '../core/words.ts';
import { TIME_COLUMNS } from '../sim/replay/trace-columns.ts';
import { parseTime } from '../sim/replay/trace-time.ts';
import { configFlags } from './config-flags.ts';
import { wrongUsage } from './failure.ts';
import { collect, type JsonOptions, wholeNumber } from './options.ts';

/** What of a trace is read, and how. */
export interface TraceOptions {
  readonly tenantColumn: string;
  readonly timeColumn?: string;
  readonly durationColumn?: string;
  readonly purposeColumn?: string;
  readonly specializationColumn?: string;
  readonly exclude?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
}

export interface ReplayOptions extends JsonOptions, TraceOptions {
  readonly config?: string;
  readonly purpose?: string;
  readonly agents: number;
  readonly speed: number;
  readonly journal?: string;
}

const DEFAULT_AGENTS = 100;
const MOST_AGENTS = 4_000_000;

/** Short names of pool options. */
const SHORT_NAMES: { readonly [name: string]: string } = {
  'max-agents-per-tenant': 'pool.max_agents_per_tenant',
  'queue-timeout': 'pool.queue.timeout_sec',
  'reclaim-idle-after': 'pool.reclaim.idle_after_sec',
  'reclaim-idle-after-under-pressure': 'pool.reclaim.idle_after_sec_under_pressure',
  'reclaim-min-hold': 'pool.reclaim.min_hold_sec',
  'idle-policy': 'pool.idle_policy',
  selection: 'pool.selection',
};

export function addReplayOptions(command: Command): Command {
  const [first, ...others] = TIME_COLUMNS;
  command
    .requiredOption('--tenant-column <column>', 'who asks')
    .option(
      '--time-column <column>',
      `when, in unix seconds or ISO 8601; ${first} unless given, else the first of ${others.join(', ')} that exists`,
    )
    .option(
      '--duration-column <column>',
      'for how many seconds the agent works; without, each row is a moment of use',
    )
    .option('--purpose <name>', 'what the leases are for; it selects their idle timeout', purpose)
    .option('--purpose-column <column>', 'the same, row by row')
    .option(
      '--specialization-column <column>',
      'which kind of agent is wanted; the agents are shared out among the kinds by demand',
    )
    .option('--agents <n>', 'agents in the pool', wholeNumber(1, MOST_AGENTS), DEFAULT_AGENTS)
    .option('--exclude <column=value>', 'leave such rows out; may be repeated', collect)
    .option('--from <time>', 'leave out what was before; the replay begins then', time)
    .option('--to <time>', 'leave out what was then or later; the replay ends then', time)
    .option('--limit <n>', 'read no more usable rows than this', wholeNumber(1))
    .addOption(
      new Option('--speed <n|max>', 'so many times as fast as it happened')
        .argParser(speed)
        .default(Number.POSITIVE_INFINITY, 'max'),
    )
    .option('--journal <url>', 'keep the events: file:DIRECTORY; or memory:, without a disk');
  return addPoolOptions(command);
}

/** Options of the pool under short names; `poolFlags` reads them. */
export function addPoolOptions(command: Command): Command {
  return command
    .option('--max-agents-per-tenant <n>', 'pool.max_agents_per_tenant')
    .option('--queue-timeout <sec>', 'pool.queue.timeout_sec')
    .option('--no-reclaim', 'never take idle agents back for others')
    .option('--reclaim-idle-after <sec>', 'pool.reclaim.idle_after_sec')
    .option(
      '--reclaim-idle-after-under-pressure <sec>',
      'pool.reclaim.idle_after_sec_under_pressure',
    )
    .option('--reclaim-min-hold <sec>', 'pool.reclaim.min_hold_sec')
    .addOption(new Option('--idle-policy <policy>', 'pool.idle_policy').choices(IDLE_POLICIES))
    .addOption(new Option('--selection <selection>', 'pool.selection').choices(SELECTIONS));
}

/** Settings of the pool, under their short names or their own, as `loadConfig` takes them. */
export function poolFlags(command: Command): { [name: string]: string } {
  const flags = configFlags(command);
  const add = (name: string, path: string, value: string): void => {
    if (path in flags) throw wrongUsage(`--${name} and --${path} say the same thing; give one.`);
    flags[path] = value;
  };
  for (const option of command.options) {
    const name = option.long?.slice(2) ?? '';
    const path = SHORT_NAMES[name];
    const value: unknown = command.getOptionValue(option.attributeName());
    if (path !== undefined && value !== undefined) add(name, path, String(value));
  }
  if (command.getOptionValue('reclaim') === false) {
    add('no-reclaim', 'pool.reclaim.enabled', 'false');
  }
  return flags;
}

export function exclusions(texts: readonly string[] = []): { column: string; value: string }[] {
  return texts.map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw wrongUsage(`--exclude must be COLUMN=VALUE, not "${text}".`);
    return { column: text.slice(0, at), value: text.slice(at + 1) };
  });
}

export function time(text: string): number {
  const ms = parseTime(text.trim());
  if (ms !== null) return ms;
  throw new InvalidArgumentError('It must be unix seconds or a date such as 2025-09-01.');
}

function speed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : 0;
  if (value > 0) return value;
  throw new InvalidArgumentError('It must be "max" or a number greater than 0.');
}

function purpose(text: string): string {
  if (/^(?!__proto__$)[^\p{Cc}\p{Cs}]{1,64}$/u.test(text)) return text;
  throw new InvalidArgumentError('It must have 1 to 64 characters, none of them for control.');
}
