/** A progress bar on stderr, for a person; nothing where nobody watches. */
import type { CliContext } from './context.ts';

export interface Progress {
  update(value: number, words?: { readonly [name: string]: string }): void;
  stop(): void;
}

const NONE: Progress = { update() {}, stop() {} };
const FRAMES_PER_SEC = 10;

/** `format` is as cli-progress takes it; `words` fill its own placeholders at first. */
export async function startProgress(
  { out }: CliContext,
  format: string,
  total: number,
  words: { readonly [name: string]: string } = {},
): Promise<Progress> {
  if (!out.isWatched) return NONE;
  const { default: cliProgress } = await import('cli-progress');
  const bar = new cliProgress.SingleBar({
    format,
    stream: out.progressStream as NodeJS.WritableStream,
    fps: FRAMES_PER_SEC,
    hideCursor: true,
    clearOnComplete: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    gracefulExit: false,
  });
  bar.start(total, 0, words);
  return {
    update: (value, more = {}) => bar.update(value, more),
    stop: () => bar.stop(),
  };
}
