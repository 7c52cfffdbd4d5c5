import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readTrace, type TraceQuery } from './read-trace.ts';

const directory = mkdtempSync(join(tmpdir(), 'remuda-test-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let files = 0;
function file(content: string | Uint8Array): string {
  files += 1;
  const path = join(directory, `trace-${files}`);
  writeFileSync(path, content);
  return path;
}

const read = (content: string | Uint8Array, query: Partial<TraceQuery> = {}) =>
  readTrace(file(content), { tenantColumn: 'who', ...query });

describe('readTrace', () => {
  it('reads plain and compressed files alike', async () => {
    const text = 't,who\n10,a\n20,b\n';
    for (const content of [text, gzipSync(text), `\uFEFF${text}`, text.replaceAll('\n', '\r\n')]) {
      const { trace, rows, skipped, columns } = await read(content);
      expect([trace.row(0), trace.row(1)]).toMatchObject([
        { at: 10_000, tenant: 'a' },
        { at: 20_000, tenant: 'b' },
      ]);
      expect({ rows, skipped, columns }).toEqual({
        rows: 2,
        skipped: {},
        columns: { time: 't', unit: 'seconds' },
      });
    }
  });

  it('finds the column of times by itself', async () => {
    expect((await read('who,ts,time\na,1,2\n')).columns.time).toBe('time');
    const minutes = await read('who,minute\na,3\n');
    expect(minutes.columns).toEqual({ time: 'minute', unit: 'minutes' });
    expect(minutes.trace.row(0).at).toBe(180_000);
    expect((await read('who,when\na,7\n', { timeColumn: 'when' })).trace.row(0).at).toBe(7_000);
  });

  it('names a column that is not there', async () => {
    await expect(read('t,user\n1,a\n')).rejects.toMatchObject({
      name: 'UnknownColumnError',
      column: 'who',
      known: ['t', 'user'],
    });
    await expect(read('x,who\n1,a\n')).rejects.toMatchObject({ column: 't' });
    await expect(
      read('t,who\n1,a\n', { exclude: [{ column: 'bot', value: '1' }] }),
    ).rejects.toMatchObject({ column: 'bot' });
  });

  it('counts what it cannot use, with the reason', async () => {
    const lines = [
      't,who,sec,bot',
      '1,a,5,0',
      'x,a,5,0',
      '-5,a,5,0',
      '2,,5,0',
      '3,a,,0',
      '4,a,-1,0',
      '5,a,5,1',
      '6,a,5',
      '7,a,5,0,extra',
      '',
      '8,"quoted, name",0.5,0',
      '9,a"b,5,0',
      `10,${'x'.repeat(129)},5,0`,
      '100,a,5,0',
    ];
    const { trace, rows, skipped } = await read(lines.join('\n'), {
      durationColumn: 'sec',
      exclude: [{ column: 'bot', value: '1' }],
      to: 100_000,
    });
    expect(skipped).toEqual({
      bad_time: 2,
      bad_tenant: 2,
      bad_duration: 2,
      excluded: 1,
      malformed: 3,
      outside_window: 1,
    });
    expect(trace.length).toBe(2);
    expect(trace.row(1)).toMatchObject({ tenant: 'quoted, name', durationMs: 500 });
    expect(rows).toBe(trace.length + 11);
  });

  it('stops at the limit', async () => {
    const text = `t,who\n${Array.from({ length: 100_000 }, (_, n) => `${n},a`).join('\n')}\n`;
    const { trace, rows } = await read(gzipSync(text), { limit: 10 });
    expect([trace.length, rows]).toEqual([10, 10]);
  });

  it('says what is wrong with a file that is no trace', async () => {
    await expect(read('')).rejects.toThrow('is empty');
    const noise = Buffer.from(Array.from({ length: 30_000 }, (_, n) => (n * 7_919) % 251));
    const packed = gzipSync(Buffer.concat([Buffer.from('t,who\n1,a\n'), noise]));
    await expect(read(packed.subarray(0, 200))).rejects.toThrow('cut short');
    packed.fill(0xff, 30, 60);
    await expect(read(packed)).rejects.toThrow('cannot be unpacked');
    await expect(readTrace(join(directory, 'none'), { tenantColumn: 'a' })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    await expect(readTrace(directory, { tenantColumn: 'a' })).rejects.toMatchObject({
      code: 'EISDIR',
    });
  });

  it('does not let an open quote swallow the file', async () => {
    const { trace, skipped } = await read('t,who\n1,a\n2,"b\n3,c\n');
    expect(trace.length).toBe(1);
    expect(skipped.malformed).toBeGreaterThan(0);
  });

  it('stops when it is called off', async () => {
    const signal = AbortSignal.abort(new Error('called off'));
    await expect(read('t,who\n1,a\n', { signal })).rejects.toThrow('called off');
  });
});
