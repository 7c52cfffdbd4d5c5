/** Options that several commands share, and how the values of options are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';

export const DEFAULT_URL = 'http://127.0.0.1:8766';

export interface JsonOptions {
  readonly json?: boolean;
}

export interface PoolCallOptions extends JsonOptions {
  readonly url: string;
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print one JSON document and nothing else on stdout');
}

/** For a command that talks to a pool. Its key comes from REMUDA_API_KEY: arguments can be seen. */
export function callsPool(command: Command): Command {
  const url = new Option('--url <url>', 'the pool to talk to').env('REMUDA_URL');
  return withJson(command.addOption(url.default(DEFAULT_URL)));
}

export function withConfigFile(command: Command): Command {
  return command.option('--config <file>', 'a configuration file in place of ./config.yaml');
}

export function withExample(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  const text = lines.map((line) => `  $ ${line}`).join('\n');
  return command.addHelpText('after', `\n${title}:\n${text}`);
}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

function number(text: string): number {
  if (!NUMBER.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}

/** A number that is 0 or more, such as seconds. */
export function amount(text: string): number {
  const value = number(text);
  if (value < 0) throw new InvalidArgumentError('It must not be negative.');
  return value;
}

export function wholeNumber(least: number, most: number = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range =
      most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`It must be a whole number, ${range}.`);
  };
}

/** For an option that may be given again and again. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
