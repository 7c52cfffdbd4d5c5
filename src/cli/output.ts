/**
 * Where a command writes: results to stdout, everything else to stderr. A reader that has seen
 * enough (`remuda … | head`) closes stdout; the command then ends quietly.
 */
import type { Writable } from 'node:stream';
import { Failure } from './failure.ts';

export interface Streams {
  readonly stdout: Writable & { readonly columns?: number; readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly columns?: number; readonly isTTY?: boolean };
}

/** Thrown out of a command whose reader has gone. */
export class ReaderGone extends Error {
  constructor() {
    super('nobody reads the output any more');
    this.name = 'ReaderGone';
  }
}

const NARROWEST = 40;

export class Output {
  readonly #streams: Streams;
  /** Why stdout takes nothing any more. */
  #failure: Error | null = null;
  /** Those who wait until stdout takes more, or is gone. */
  #waiting: (() => void)[] = [];

  constructor(streams: Streams) {
    this.#streams = streams;
    const proceed = () => {
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
    streams.stdout.on('drain', proceed);
    streams.stdout.on('close', proceed);
    streams.stdout.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure ??=
        error.code === 'EPIPE'
          ? new ReaderGone()
          : new Failure(`The output cannot be written (${error.code ?? error.message}).`);
      proceed();
    });
    // What cannot be said on stderr cannot be said at all.
    streams.stderr.on('error', () => {});
  }

  /** Columns of the terminal that stdout is; Infinity when it is none: nothing is cut then. */
  get width(): number {
    const { isTTY, columns } = this.#streams.stdout;
    return isTTY && columns ? Math.max(columns, NARROWEST) : Number.POSITIVE_INFINITY;
  }

  /** Is a person watching stderr? */
  get isWatched(): boolean {
    return this.#streams.stderr.isTTY === true;
  }

  get progressStream(): Writable {
    return this.#streams.stderr;
  }

  /** Text to stdout as it is; resolves when there is room for more. Throws ReaderGone, Failure. */
  async write(text: string): Promise<void> {
    if (this.#failure) throw this.#failure;
    const { stdout } = this.#streams;
    if (!stdout.write(text) && !stdout.destroyed) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when everything has been written; what could not be is only known then. */
  async finish(): Promise<void> {
    if (this.#failure === null) {
      await new Promise<void>((resolve) => this.#streams.stdout.write('', () => resolve()));
    }
    if (this.#failure) throw this.#failure;
  }

  async print(line: string): Promise<void> {
    await this.write(`${line}\n`);
  }

  /** The one document of `--json`. */
  async json(document: unknown): Promise<void> {
    await this.print(JSON.stringify(document, null, 2));
  }

  /** A line for people, beside the result. */
  note(line: string): void {
    this.#streams.stderr.write(`${line}\n`);
  }
}
