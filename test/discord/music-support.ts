/** Real agents on a real pool, in the stand-in for Discord. */
import { afterEach } from 'vitest';
import {
  type MusicRunner,
  type RunMusicAgentsOptions,
  runMusicAgents,
} from '../../src/discord/index.ts';
import { connect, type Pool } from '../../src/sdk/client.ts';
import { sealerFrom } from '../../src/server/seal.ts';
import { start, type TestServer } from '../server/support.ts';
import type { DiscordStandIn } from './stand-in/discord-stand-in.ts';

const FLAGS = {
  'pool.membership': 'required',
  'pool.accept_timeout_sec': '10',
  'pool.reconnect_grace_sec': '5',
};

const ends: (() => Promise<void>)[] = [];

/** Ends what a test has started, the newest first; call it after `endEverythingAfterEach`. */
export function endMusicAfterEach(): void {
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
}

export function onEnd(end: () => Promise<void>): void {
  ends.push(end);
}

export async function startPool(
  flags: { [name: string]: string } = {},
  log?: (line: string) => void,
): Promise<TestServer> {
  const key = sealerFrom('0'.repeat(64));
  const sealer = key.ok && key.sealer ? key.sealer : undefined;
  const server = await start({ flags: { ...FLAGS, ...flags }, sealer, log });
  ends.push(() => server.stop());
  return server;
}

export async function connected(server: TestServer): Promise<Pool> {
  const pool = await connect(server.url);
  ends.push(() => pool.close());
  return pool;
}

type Options = Omit<RunMusicAgentsOptions, 'url' | 'play'> & Partial<RunMusicAgentsOptions>;

export async function agents(
  server: TestServer,
  standIn: DiscordStandIn,
  options: Options,
): Promise<MusicRunner> {
  const runner = await runMusicAgents({
    url: server.url,
    play: (_, { signal }) => untilAborted(signal),
    onError: () => {},
    ...options,
    client: { ...options.client, rest: { api: standIn.apiUrl, ...options.client?.rest } },
  });
  ends.push(() => runner.close());
  return runner;
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve());
  });
}

/** Looks again and again until it is so. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 15_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}
