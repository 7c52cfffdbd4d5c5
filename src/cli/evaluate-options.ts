/** The options of `remuda evaluate …`. */
import { type Command, InvalidArgumentError } from 'commander';
import { suggest } from '../protocol/suggest.ts';
import { TIME_COLUMNS } from '../sim/replay/trace-columns.ts';
import { wrongUsage } from './failure.ts';
import { collect, type JsonOptions, wholeNumber } from './options.ts';
import { type TraceOptions, time } from './replay-options.ts';

export interface DecisionOptions extends JsonOptions {
  readonly decisions?: string;
  /** Milliseconds since 1970; `to` is exclusive. */
  readonly from?: number;
  readonly to?: number;
}

export interface TraceEvaluationOptions extends DecisionOptions, TraceOptions {
  readonly trace: string;
  readonly learnFrom?: number;
}

export interface KeepaliveOptions extends TraceEvaluationOptions {
  readonly policy: KeepPolicyChoice;
  readonly cost: number;
  readonly agents?: number;
}

export interface AffinityOptions extends TraceEvaluationOptions {
  readonly agents: number;
  readonly selection: string;
}

export interface ScalingOptions extends DecisionOptions {
  readonly demand: string;
  readonly bootSec: number;
  readonly strategy: string;
}

/** `minutes`: kept for so long; for `pressure`, the idle timeout that utilization bends. */
export interface KeepPolicyChoice {
  readonly text: string;
  readonly kind: (typeof KEEP_POLICIES)[number];
  readonly minutes: number;
}

const KEEP_POLICIES = ['fixed', 'pressure', 'learned'] as const;
export const SELECTIONS_EVALUATED = ['score', 'warmth', 'lru'] as const;
export const STRATEGIES = ['threshold', 'staffing'] as const;

export const MOST_AGENTS = 4_000_000;
/** Ten years: longer than any trace. */
const MOST_KEPT_MINUTES = 5_256_000;
/** The idle timeout of the purpose `default`. */
const PRESSURE_MINUTES = 15;

export function addTraceOptions(command: Command): Command {
  return command
    .requiredOption('--trace <file>', 'CSV with a header, also compressed with gzip')
    .requiredOption('--tenant-column <column>', 'who asks')
    .option('--time-column <column>', `when; the first of ${TIME_COLUMNS.join(', ')} unless given`)
    .option('--exclude <column=value>', 'leave such rows out; may be repeated', collect)
    .option(
      '--from <time>',
      'figures count from then on; the start of the trace unless given',
      time,
    )
    .option('--to <time>', '… and until then, exclusive; the end of the trace unless given', time);
}

export function withDecisions(command: Command, columns: string): Command {
  return command.option('--decisions <file>', `write every decision as CSV: ${columns}`);
}

export function keepPolicy(text: string): KeepPolicyChoice {
  const [, word = '', number] = /^([a-z]+)(?::(\d+))?$/.exec(text) ?? [];
  if (word === 'learned' && number === undefined) return { text, kind: word, minutes: 0 };
  if (word === 'pressure') return { text, kind: word, minutes: minutes(number, PRESSURE_MINUTES) };
  if (word === 'fixed' && number !== undefined) {
    return { text, kind: word, minutes: minutes(number) };
  }
  const nearest = suggest(text.replace(/:.*/s, ''), KEEP_POLICIES);
  const hint = nearest === undefined || nearest === word ? '' : `Did you mean "${nearest}"? `;
  throw new InvalidArgumentError(`${hint}It must be fixed:N (minutes), pressure, or learned.`);
}

function minutes(text: string | undefined, otherwise = 0): number {
  return text === undefined ? otherwise : wholeNumber(0, MOST_KEPT_MINUTES)(text);
}

/** Known words whose time has not come. */
export function notYet(option: string, word: string, there: readonly string[]): Error {
  return wrongUsage(
    `${option} ${word} comes with a later version; this one has ${there.join(' and ')}.`,
  );
}
