/** The subjects of the peers benchmark, and the parent's side of the process that each has. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Round, Setup } from './peer.ts';

export type Subject =
  | 'remuda-1'
  | 'remuda-16'
  | 'postgres'
  | 'redis-everysec'
  | 'redis-always'
  | 'bullmq';

export interface SubjectInfo {
  readonly name: string;
  /** Pairs under way at a time: for each subject what suits it best of what was tried. */
  readonly inFlight: number;
  /** Whether an answer is on the disk before it is given. */
  readonly isDurable: boolean;
}

export const SUBJECTS: Readonly<Record<Subject, SubjectInfo>> = {
  'remuda-1': { name: 'Remuda, 1 connection', inFlight: 2_048, isDurable: true },
  'remuda-16': { name: 'Remuda, 16 connections', inFlight: 2_048, isDurable: true },
  postgres: { name: 'PostgreSQL, 16 connections', inFlight: 16, isDurable: true },
  'redis-everysec': { name: 'Redis, AOF everysec', inFlight: 1_024, isDurable: false },
  'redis-always': { name: 'Redis, AOF always', inFlight: 1_024, isDurable: true },
  bullmq: { name: 'BullMQ, AOF everysec', inFlight: 512, isDurable: false },
};

export interface ToChild {
  readonly seconds: number;
}

export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'round'; readonly round: Round };

export interface RunnerOptions extends Omit<Setup, 'directory'> {
  /** Each subject gets a directory of its own in this one. */
  readonly directory: string;
}

/** One subject. It is either ready for rounds or skipped, with the reason. */
export class Runner {
  readonly subject: Subject;
  readonly rounds: Round[] = [];
  skipped: string | null = null;
  readonly #child: ChildProcess;
  readonly #exit: Promise<void>;

  constructor(subject: Subject, { directory, ...options }: RunnerOptions) {
    this.subject = subject;
    const setup: Setup = { ...options, directory: mkdtempSync(join(directory, `${subject}-`)) };
    const path = fileURLToPath(new URL('./child.ts', import.meta.url));
    const { profile } = options;
    const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    this.#child = fork(path, [subject, JSON.stringify(setup)], { execArgv });
    this.#exit = new Promise((resolve) => this.#child.once('exit', () => resolve()));
  }

  /** Resolves when it has started, or cannot be had on this machine. */
  async ready(): Promise<void> {
    const message = await this.#next();
    if (message.kind === 'skipped') this.skipped = message.reason;
  }

  async round(seconds: number): Promise<void> {
    const answer = this.#next();
    this.#child.send({ seconds } satisfies ToChild);
    const message = await answer;
    if (message.kind === 'round') this.rounds.push(message.round);
  }

  /** Ends it and what it has started. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#exit;
  }

  async #next(): Promise<FromChild> {
    const message = await new Promise<FromChild>((resolve, reject) => {
      const ended = (): void => reject(new Error(`${this.subject} ended by itself`));
      this.#child.once('exit', ended);
      this.#child.once('message', (value) => {
        this.#child.off('exit', ended);
        resolve(value as FromChild);
      });
    });
    if (message.kind === 'failed') throw new Error(`${this.subject}: ${message.reason}`);
    return message;
  }
}
