import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startPool } from './support.ts';

const HOW_TO = new URL('../../docs/how-to/reference-agent.md', import.meta.url);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

test('the agent that the how-to shows is one', async () => {
  const [, program = ''] = /```js\n(.*?)```/s.exec(readFileSync(HOW_TO, 'utf8')) ?? [];
  const directory = mkdtempSync(join(tmpdir(), 'remuda-agent-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, 'words.mjs'), program);
  const pool = await startPool();
  const port = await freePort();
  const env = { REMUDA_AGENT_ID: 'words_1', REMUDA_PORT: `${port}`, REMUDA_URL: pool.url };
  const child = spawn(process.execPath, [join(directory, 'words.mjs')], { env });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const exit = once(child, 'exit');
  const first = await Promise.race([pool.until((all) => all[0]), exit]);
  expect(first).toMatchObject({ path: '/v1/heartbeats', body: '{"agents":[["words_1",0]]}' });
  const request = { method: 'POST', body: 'one two  three' };
  const answer = await fetch(`http://127.0.0.1:${port}/`, request);
  expect(await answer.text()).toBe('3 words\n');
  child.kill('SIGTERM');
  expect(await exit).toEqual([0, null]);
});
