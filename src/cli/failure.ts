/**
 * A failure that the user can understand from its message: one line on stderr, no stack trace.
 * Anything else that is thrown is a bug of ours.
 */

export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What `--json` prints in place of a result. `code` is one of the pool's, or one of ours. */
export interface FailureDocument {
  readonly code: string;
  readonly detail: string;
  readonly [more: string]: unknown;
}

export class Failure extends Error {
  readonly exitCode: ExitCode;
  readonly document: FailureDocument;

  constructor(
    message: string,
    { exitCode = EXIT.failed, ...document }: FailureOptions = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'Failure';
    this.exitCode = exitCode;
    this.document = {
      code: exitCode === EXIT.usage ? 'WRONG_USAGE' : 'FAILED',
      detail: message,
      ...document,
    };
  }
}

interface FailureOptions {
  readonly exitCode?: ExitCode;
  readonly code?: string;
  readonly detail?: string;
  readonly [more: string]: unknown;
}

/** The command has failed and has said so already. */
export class ToldFailure extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode = EXIT.failed) {
    super('the command has failed');
    this.name = 'ToldFailure';
    this.exitCode = exitCode;
  }
}

export function wrongUsage(message: string): Failure {
  return new Failure(message, { exitCode: EXIT.usage });
}

const FILE_FAULTS: { readonly [code: string]: string } = {
  ENOENT: 'does not exist',
  EISDIR: 'is a directory, not a file',
  ENOTDIR: 'lies in something that is not a directory',
  EACCES: 'may not be read',
  EPERM: 'may not be read',
};

/** The failure to open or read a file in words; any other error as it is. */
export function fileFailure(file: string, error: unknown): unknown {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) return error;
  const why = FILE_FAULTS[code] ?? `cannot be read (${code})`;
  return new Failure(`${file} ${why}.`, {}, { cause: error });
}
