import { spawn } from 'node:child_process';
import { existsSync, openSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { runHere } from './in-process.ts';
import { cli, fakePool, finished, MAIN, removeWorkspaces, spawnCli, write } from './support.ts';

afterAll(removeWorkspaces);

const NOBODY = 'http://127.0.0.1:9';

describe.concurrent('wrong usage', () => {
  it.each([
    [['lesae'], 'did you mean "lease"?'],
    [['agents', 'lst'], 'did you mean "list"?'],
    [['lease', 'g', '--tol', 'x'], 'did you mean "--tool"?'],
    [['serve', '--prot=1'], 'did you mean "--port"?'],
    [['lease'], "missing required argument 'tenant'"],
    [['lease', 'g', '--count', '0'], 'whole number, 1 or more'],
    [['lease', 'g', '--wait', '61'], 'from 0 to 60'],
    [['lease', 'g', '--priority', 'urgent'], 'low, normal, high, critical'],
    [['lease', 'g', '--metadata', '[1]'], 'must be a JSON object'],
    [['status', '--url', 'localhost:1'], 'http:// or https://'],
    [['status', '--url', 'http://a:b@localhost'], 'REMUDA_API_KEY'],
    [['config', '--pool.queue.timeout_sec=x'], 'must be a number'],
    [['config', '--config', 'none.yaml'], 'none.yaml: does not exist'],
    [['replay', 'x.csv'], '--tenant-column'],
    [['completion', 'tcsh'], 'bash, zsh, fish'],
    [['journal', 'verify', 'nats://x'], 'file:DIRECTORY'],
  ])('remuda %j ends with 2 and says what to do', async (args, words) => {
    const { code, stdout, stderr } = await cli(args);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('shows the help on stderr when nothing is asked for', async () => {
    for (const args of [[], ['agents']]) {
      const { code, stdout, stderr } = await cli(args);
      expect(stderr).toContain('Usage: remuda');
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    }
  });

  it('with --json, prints one document for a failure too', async () => {
    const usage = await cli(['lease', 'g', '--bogus', '--json']);
    expect(usage.code).toBe(2);
    expect(usage.json).toMatchObject({ code: 'WRONG_USAGE' });
    const failed = await cli(['status', '--json', '--url', NOBODY]);
    expect(failed.code).toBe(1);
    expect(failed.json).toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe.concurrent('help', () => {
  it('has an example for every command', { timeout: 180_000 }, async () => {
    const leaves: string[][] = [];
    const visit = (command: ReturnType<typeof createProgram>, path: string[]) => {
      for (const child of command.commands) visit(child, [...path, child.name()]);
      if (command.commands.length === 0) leaves.push(path);
    };
    visit(createProgram({} as never), []);
    expect(leaves.length).toBeGreaterThan(12);
    for (const path of leaves) {
      const { code, stdout, stderr } = await runHere([...path, '--help']);
      expect(stdout, path.join(' ')).toMatch(/\nExamples?:\n {2}\$ .*remuda/);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });

  it('prints the version', async () => {
    const { code, stdout } = await cli(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe.concurrent('a pool that cannot be talked to', () => {
  it('is named, with what to do', async () => {
    for (const args of [['status'], ['lease', 'g'], ['release', 'x', 'y'], ['agents', 'list']]) {
      const { code, stdout, stderr } = await cli(args, { env: { REMUDA_URL: NOBODY } });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      expect(stderr).toContain(`No pool answers at ${NOBODY} (connection refused).`);
      expect(stderr).toContain('remuda serve');
    }
  });

  it('is told from something else that answers', async () => {
    const page = await fakePool((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    });
    const { code, stderr } = await cli(['status', '--url', page.url]);
    page.stop();
    expect(code).toBe(1);
    expect(stderr).toContain('not as a pool does (HTTP 200, text/html)');
  });

  it('that asks for a key gets the one of REMUDA_API_KEY', async () => {
    const keys: (string | undefined)[] = [];
    const pool = await fakePool((request, response) => {
      keys.push(request.headers.authorization);
      response
        .writeHead(401, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify({ code: 'UNAUTHENTICATED', detail: 'No key.' }));
    });
    const { code, stderr } = await cli(['lease', 'g', '--url', `${pool.url}/proxy/`], {
      env: { REMUDA_API_KEY: 'secret-1' },
    });
    pool.stop();
    expect(keys).toEqual(['Bearer secret-1']);
    expect(code).toBe(1);
    expect(stderr).toContain('UNAUTHENTICATED: No key.');
    expect(stderr).toContain('REMUDA_API_KEY');
    expect(stderr).not.toContain('secret-1');
  });
});

describe.concurrent('an unexpected error', () => {
  const file = () => write('trace.csv', 't,who\n1,a\n');
  // A temporary directory that is a file is something that no command expects.
  const env = () => ({ TMPDIR: file() });

  it('is one line, without a stack', async () => {
    const { code, stderr } = await cli(['replay', file(), '--tenant-column', 'who'], {
      env: env(),
    });
    expect(code).toBe(1);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stderr).toMatch(/^remuda: .*--verbose/m);
  });

  it('shows its stack on demand', async () => {
    const args = ['replay', file(), '--tenant-column', 'who'];
    const flagged = await cli(['--verbose', ...args], { env: env() });
    const asked = await cli(args, { env: { ...env(), REMUDA_DEBUG: '1' } });
    for (const { code, stderr } of [flagged, asked]) {
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\s+at /m);
    }
  });
});

describe.concurrent('an output that takes nothing', () => {
  it.runIf(existsSync('/dev/full'))('is a failure, in one line', async () => {
    const child = spawn(process.execPath, [MAIN, 'openapi'], {
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'remuda: The output cannot be written (ENOSPC).\n',
    });
  });
});

describe.concurrent('an interruption', () => {
  it('ends a command that waits', async () => {
    const { promise: isWaiting, resolve } = Promise.withResolvers<void>();
    const pool = await fakePool(() => resolve());
    const child = spawnCli(['lease', 'g', '--wait', '50', '--url', pool.url]);
    const end = finished(child);
    await Promise.race([isWaiting, end]);
    child.kill('SIGINT');
    const { code, stderr } = await end;
    pool.stop();
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'remuda: Interrupted.\n' });
  });
});

describe.concurrent('a reader that leaves', () => {
  it('ends the command quietly', async () => {
    const child = spawnCli(['openapi']);
    child.stdin?.end();
    child.stdout?.destroy();
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
