import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createLog } from './log.ts';

test('an event is a line of JSON', () => {
  const stream = new PassThrough();
  createLog(stream, 'a1')('listening', { port: 9101 });
  const line: string = stream.read().toString();
  expect(line.endsWith('\n')).toBe(true);
  expect(JSON.parse(line)).toMatchObject({ agent_id: 'a1', event: 'listening', port: 9101 });
});

test('a reader that stands still or goes away holds up nothing', () => {
  const stream = new PassThrough();
  const log = createLog(stream, 'a1');
  for (let line = 0; line < 10_000; line += 1) log('beat', { text: 'x'.repeat(100) });
  expect(stream.writableLength + stream.readableLength).toBeLessThan(200_000);
  stream.destroy(new Error('EPIPE'));
  log('beat');
});
