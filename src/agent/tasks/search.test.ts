import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { search } from './search.ts';

let base = '';
let root = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'remuda-search-'));
  root = join(base, 'root');
  mkdirSync(root);
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

function put(path: string, content: string | Buffer): void {
  const file = join(base, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const placesOf = (query: string, path = '.') =>
  search(root, query, path)?.hits.map((hit) => `${hit.path}:${hit.line}`);

describe('a search', () => {
  test('names file, line and text, whatever the case of the letters', () => {
    put('root/b.txt', 'nothing\r\nMuch HAY here\r\n');
    put('root/a/c.txt', 'hay');
    put('root/a.txt', 'Äpfel\nhay');
    expect(search(root, 'Hay', '.')).toEqual({
      hits: [
        { path: 'a.txt', line: 2, text: 'hay' },
        { path: 'b.txt', line: 2, text: 'Much HAY here' },
        { path: 'a/c.txt', line: 1, text: 'hay' },
      ],
      files: 3,
      is_complete: true,
    });
    expect(placesOf('äPFEL')).toEqual(['a.txt:1']);
  });

  test('keeps to a directory or a file below the root', () => {
    put('root/a/x.txt', 'hay');
    put('root/b/x.txt', 'hay');
    expect(placesOf('hay', 'a')).toEqual(['a/x.txt:1']);
    expect(placesOf('hay', 'b/x.txt')).toEqual(['b/x.txt:1']);
    expect(placesOf('hay', './a/../b')).toEqual(['b/x.txt:1']);
  });

  test('never leaves the root', () => {
    put('outside/key.txt', 'hay');
    put('root-beside/key.txt', 'hay');
    put('root/in.txt', 'no');
    symlinkSync(join(base, 'outside'), join(root, 'directory'));
    symlinkSync(join(base, 'outside/key.txt'), join(root, 'file.txt'));
    symlinkSync('directory', join(root, 'twice'));
    expect(placesOf('hay')).toEqual([]);
    const escapes = [
      '..',
      '../outside',
      '../outside/key.txt',
      join(base, 'outside'),
      '/',
      'directory',
    ];
    for (const path of [...escapes, 'file.txt', 'twice/key.txt', '../root-beside', 'missing']) {
      expect(search(root, 'hay', path)).toBeNull();
    }
  });

  test('follows links inside of the root, and reads nothing twice', () => {
    put('root/a/x.txt', 'hay');
    symlinkSync('a', join(root, 'b'));
    symlinkSync('..', join(root, 'a/loop'));
    symlinkSync('x.txt', join(root, 'a/y.txt'));
    symlinkSync('nowhere', join(root, 'broken'));
    symlinkSync('self', join(root, 'self'));
    expect(placesOf('hay')).toEqual(['a/x.txt:1']);
    expect(placesOf('hay', 'b')).toEqual(['a/x.txt:1']);
  });

  test('may itself be told of a link', () => {
    put('root/x.txt', 'hay');
    symlinkSync(root, join(base, 'link'));
    expect(search(join(base, 'link'), 'hay', '.')?.hits).toHaveLength(1);
  });

  test('leaves out what is hidden, also behind a link', () => {
    put('root/.env', 'hay');
    put('root/.git/config', 'hay');
    put('root/node_modules/x/index.js', 'hay');
    put('root/..odd', 'hay');
    symlinkSync('.env', join(root, 'env.txt'));
    symlinkSync('.git', join(root, 'git'));
    expect(placesOf('hay')).toEqual([]);
    for (const path of ['.env', '.git', 'env.txt', 'git/config', 'node_modules/x', '..odd']) {
      expect(search(root, 'hay', path)).toBeNull();
    }
  });

  test('passes over what is no text, too large, or a pipe', () => {
    put('root/binary', Buffer.from('hay\0hay'));
    put('root/latin1.txt', Buffer.from([0x68, 0x61, 0x79, 0xe4]));
    put('root/large.txt', `hay${'x'.repeat(1024 * 1024)}`);
    put('root/largest.txt', `hay${'x'.repeat(1024 * 1024 - 3)}`);
    put('root/empty.txt', '');
    expect(spawnSync('/usr/bin/env', ['mkfifo', join(root, 'pipe')]).status).toBe(0);
    expect(placesOf('hay')).toEqual(['largest.txt:1']);
  });

  test('shows the part of a long line in which the hit is', () => {
    put('root/long.txt', `${'x'.repeat(5_000)}HAY${'😀'.repeat(2_000)}`);
    const [hit] = search(root, 'hay', '.')?.hits ?? [];
    expect(hit?.text).toContain('xHAY😀');
    expect(hit?.text.length).toBeLessThanOrEqual(240);
    expect(hit?.text.isWellFormed()).toBe(true);
  });

  test('ends at its limits and says so', () => {
    put('root/many.txt', 'hay\n'.repeat(100));
    expect(search(root, 'hay', '.')).toMatchObject({ is_complete: true });
    put('root/more.txt', 'hay\n');
    expect(search(root, 'hay', '.')?.hits).toHaveLength(100);
    expect(search(root, 'hay', '.')).toMatchObject({ is_complete: false });
    for (let index = 0; index < 2_000; index += 1) put(`root/d/f${index}`, 'x');
    expect(search(root, 'z', '.')).toMatchObject({ files: 2_000, is_complete: false });
  });
});
