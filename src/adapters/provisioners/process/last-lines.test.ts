import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lastLines } from './last-lines.ts';

function logOf(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'remuda-lines-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'a.log');
  writeFileSync(path, text);
  return path;
}

test('are the last five that say something, the oldest first', async () => {
  expect(await lastLines(logOf('1\n2\n\n3\r\n4\n5\n6'), 0)).toEqual(['2', '3', '4', '5', '6']);
});

test('begin where the earlier process has ended', async () => {
  const path = logOf('earlier\nlater\n');
  expect(await lastLines(path, 8)).toEqual(['later']);
  expect(await lastLines(path, 14)).toEqual([]);
});

test('stay short, whatever the log is like', async () => {
  const [line] = await lastLines(logOf(`${'ä'.repeat(1_000_000)}end`), 0);
  expect(line).toHaveLength(500);
  expect(line).toMatch(/end$/);
});

test('there are none without a log', async () => {
  expect(await lastLines('/no/such/log', 0)).toEqual([]);
});
