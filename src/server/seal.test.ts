import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Sealer, sealerFrom, sealerFromEnvironment } from './seal.ts';

function sealer(text: string): Sealer {
  const result = sealerFrom(text);
  if (!result.ok || !result.sealer) throw new Error('no sealer');
  return result.sealer;
}

const key = randomBytes(32).toString('hex');

describe('a sealed credential', () => {
  test('opens again, for its agent alone', () => {
    const sealed = sealer(key).seal('bot_1', 'tökén');
    expect(sealed).not.toContain('tökén');
    expect(sealer(key).open('bot_1', sealed)).toBe('tökén');
    expect(() => sealer(key).open('bot_2', sealed)).toThrow();
    expect(() => sealer(randomBytes(32).toString('hex')).open('bot_1', sealed)).toThrow();
  });

  test('that was tampered with does not open', () => {
    const sealed = sealer(key).seal('bot_1', 'token');
    for (const at of [4, 20, sealed.length - 2]) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(() =>
        sealer(key).open('bot_1', sealed.slice(0, at) + other + sealed.slice(at + 1)),
      ).toThrow();
    }
    expect(() => sealer(key).open('bot_1', 'v2.xxxx')).toThrow(/another version/);
  });

  test('is the same text each time, but another for another agent or credential', () => {
    const { seal } = sealer(key);
    expect(seal('bot_1', 'token')).toBe(seal('bot_1', 'token'));
    const texts = [seal('a', 'bc'), seal('ab', 'c'), seal('a', 'bd'), seal('b', 'bc')];
    expect(new Set(texts.map((text) => text.slice(0, 19))).size).toBe(4);
  });
});

describe('REMUDA_KEY', () => {
  test('none, no sealer', () => {
    expect(sealerFrom(undefined)).toEqual({ ok: true, sealer: null });
    expect(sealerFrom('')).toEqual({ ok: true, sealer: null });
  });

  test('hex, base64 and base64url of the same bytes are the same key', () => {
    const bytes = Buffer.from(key, 'hex');
    const sealed = sealer(key).seal('a', 'x');
    expect(sealer(bytes.toString('base64')).open('a', sealed)).toBe('x');
    expect(sealer(bytes.toString('base64url')).open('a', sealed)).toBe('x');
  });

  test('a passphrase of 32 characters will do, a shorter one will not', () => {
    const phrase = 'correct horse battery staple, twice';
    expect(sealer(phrase).open('a', sealer(phrase).seal('a', 'x'))).toBe('x');
    expect(sealerFrom('too short')).toMatchObject({
      ok: false,
      message: expect.stringMatching(/at least 32 characters/),
    });
  });
});

describe('REMUDA_KEY_FILE', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'remuda-key-')), 'key');

  test('holds the key', () => {
    writeFileSync(file, `${key}\n`);
    const result = sealerFromEnvironment({ REMUDA_KEY_FILE: file });
    if (!result.ok || !result.sealer) throw new Error('no sealer');
    expect(result.sealer.open('a', sealer(key).seal('a', 'x'))).toBe('x');
  });

  test('that is missing, empty, too short or beside a key is a fault that names the file', () => {
    const fault = (env: { [name: string]: string }) => {
      const result = sealerFromEnvironment(env);
      return result.ok ? 'none' : `${result.source} ${result.message}`;
    };
    expect(fault({ REMUDA_KEY_FILE: `${file}.gone` })).toMatch(/REMUDA_KEY_FILE cannot be read/);
    writeFileSync(file, '\n');
    expect(fault({ REMUDA_KEY_FILE: file })).toContain('is empty');
    writeFileSync(file, 'short');
    expect(fault({ REMUDA_KEY_FILE: file })).toContain(`${file} must be 32 bytes`);
    expect(fault({ REMUDA_KEY_FILE: file, REMUDA_KEY: key })).toContain('keep one of the two');
    expect(fault({ REMUDA_KEY: 'short' })).toMatch(/^REMUDA_KEY must be/);
    expect(fault({})).toBe('none');
  });
});
