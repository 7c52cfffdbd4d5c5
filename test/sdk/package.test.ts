/** The package as users get it: packed, installed into an empty project, typed, and run. */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServer } from './support.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc');
const PAGES = ['README.md', 'docs/how-to/sdk.md'];

let project: string;

beforeAll(async () => {
  project = mkdtempSync(join(tmpdir(), 'remuda-package-'));
  const { stdout } = await run(
    'npm',
    ['pack', '--ignore-scripts', '--silent', '--pack-destination', project],
    { cwd: ROOT },
  );
  const place = join(project, 'node_modules/remuda');
  mkdirSync(place, { recursive: true });
  // Unpacked alone: the two entries must do without the packages that the server needs.
  await run('tar', ['-xzf', join(project, stdout.trim()), '-C', place, '--strip-components=1']);
  writeFileSync(join(project, 'package.json'), '{"type":"module"}');
}, 120_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

/** The code of a page between fences of this language. */
function fenced(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'));
  return [...found].map(([, code = '']) => code).filter((code) => /lease|runAgents/.test(code));
}

const CONSUMER = `
import { connect, PoolExhaustedError, type Lease, type Pool } from 'remuda/client';
import { runAgents, type Runner } from 'remuda/agent';

export async function client(): Promise<string> {
  await using pool: Pool = await connect('http://127.0.0.1:8766', { transport: 'auto' });
  const lease: Lease = await pool.lease({ tenant: 'g', minTier: 'premium', metadata: { a: [1] } });
  const off: () => void = lease.on('lost', (_, reason) => console.log(reason === 'reclaimed'));
  off();
  const since: number = lease.allocatedAt.getTime();
  const signal: AbortSignal = lease.signal;
  for await (const { tenant } of pool.leases({ state: 'active' })) console.log(tenant, since, signal);
  // @ts-expect-error a misspelt field
  await pool.lease({ tennant: 'g' });
  // @ts-expect-error no such tier
  await pool.lease({ tenant: 'g', minTier: 'best' });
  // @ts-expect-error what the pool says cannot be changed
  lease.agentId = 'b';
  return new PoolExhaustedError('AGENT_POOL_EXHAUSTED', 'x').code;
}

export async function agent(): Promise<Runner> {
  return runAgents({
    url: new URL('http://127.0.0.1:8766'),
    agents: [{ agentId: 'a', tools: ['music'] }],
    async onAssign(lease, { signal, credential }) {
      const secret: string | undefined = credential;
      console.log(lease.tenant, signal.aborted, secret);
    },
  });
}
`;

/** What the fragments of the pages take for granted. */
const PRELUDE = `
import { type Lease, type Pool, PoolExhaustedError, AgentNotInstalledError } from 'remuda/client';
import { runAgents, type AssignedLease } from 'remuda/agent';
declare const pool: Pool;
declare const lease: Lease;
declare const url: string;
declare function joinVoice(lease: AssignedLease, credential?: string): Promise<boolean>;
declare function play(
  signal: AbortSignal,
  on: { onSilence: () => void; onMusic: () => void },
): Promise<void>;
declare function login(agentId: string, credential: string): void;
`;

async function check(name: string, options: object, files: { [name: string]: string }) {
  const directory = join(project, name);
  mkdirSync(directory);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
    ...{ target: 'es2022', types: [] },
    ...options,
  };
  const config = { compilerOptions, include: ['*.ts'] };
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify(config));
  return run(process.execPath, [TSC, '-p', directory]).then(
    () => '',
    ({ stdout }: { stdout: string }) => stdout,
  );
}

describe('types resolve', () => {
  const DOM = { lib: ['es2022', 'dom', 'dom.asynciterable', 'esnext.disposable'] };
  const NODE = { lib: ['es2022'], types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] };

  test.each([
    ['node16', { module: 'node16', moduleResolution: 'node16', ...DOM }],
    ['node16-node', { module: 'node16', moduleResolution: 'node16', ...NODE }],
    ['bundler', { module: 'esnext', moduleResolution: 'bundler', ...DOM }],
    ['bundler-node', { module: 'preserve', moduleResolution: 'bundler', ...NODE }],
  ])('under %s', async (name, options) => {
    expect(await check(name, options, { 'consumer.ts': CONSUMER })).toBe('');
  });

  test('in the fragments of the pages', async () => {
    const fragments = PAGES.flatMap((page) => fenced(page, 'ts'));
    expect(fragments.length).toBeGreaterThan(2);
    const files = fragments.map((code, i) => [`fragment-${i}.ts`, `${PRELUDE}\n{\n${code}\n}\n`]);
    const options = { module: 'esnext', moduleResolution: 'bundler', ...DOM };
    expect(await check('fragments', options, Object.fromEntries(files))).toBe('');
  });
});

describe.each(PAGES)('the programs of %s', (page) => {
  const programs = fenced(page, 'js');
  const client = programs.find((code) => code.includes('remuda/client'));
  const agent = programs.find((code) => code.includes('remuda/agent'));

  test('run as they stand', async () => {
    expect(programs).toHaveLength(2);
    const server = await startServer();
    const program = (name: string, code = '') => {
      const file = join(project, `${page.replaceAll('/', '-')}-${name}.mjs`);
      writeFileSync(file, code.replaceAll('http://127.0.0.1:8766', server.url));
      const child = spawn(process.execPath, [file], { cwd: project });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data) => (output += data));
      }
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      return { child, ended, output: () => output };
    };
    const runner = program('agent', agent);
    const isRegistered = async () => {
      const { json } = await server.call('GET', '/v1/agents');
      return json.items.length === 1;
    };
    while (!(await isRegistered())) await new Promise((resolve) => setTimeout(resolve, 50));
    const asker = program('client', client);
    expect([await asker.ended, asker.output()]).toEqual([
      0,
      expect.stringMatching(/^bot_\d serves guild-\d+\n$/),
    ]);
    runner.child.kill('SIGTERM');
    expect(await runner.ended).toBe(0);
    expect(runner.output()).toContain(asker.output().trim());
    const { json } = await server.call('GET', '/v1/stats');
    expect(json.leases.total).toBe(0);
  });
});
