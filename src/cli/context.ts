/** What every command gets from the program that it is part of. */
import type { Output } from './output.ts';

export interface CliContext {
  readonly out: Output;
  readonly env: { readonly [name: string]: string | undefined };
  /** Aborted by SIGINT and SIGTERM: stop, clean up, and throw its reason. */
  readonly signal: AbortSignal;
  /** For a command that is a service: it answers signals itself, and its stderr is a log. */
  releaseProcess(): void;
}

/** The environment without what belongs to the command line alone: to the pool it is unknown. */
export function poolEnvironment({ env }: CliContext): { [name: string]: string | undefined } {
  const { REMUDA_DEBUG: _, ...rest } = env;
  return rest;
}
