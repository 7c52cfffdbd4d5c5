/** The command line in this process: for tests that run it too often to start one each time. */
import { Writable } from 'node:stream';
import { run } from '../../src/cli/run.ts';

class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runHere(argv: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const { signal } = new AbortController();
  const code = await run({ argv, env: {}, signal, releaseProcess() {}, stdout, stderr });
  return { code, stdout: stdout.text, stderr: stderr.text };
}
