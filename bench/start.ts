/**
 * A restart at full scale, after `kill -9`: from the spawn of the process to the first 200 of
 * /readyz, from a snapshot and the longest tail that the server lets come about; then how long the
 * writer is held up while the snapshot that is due by then is taken.
 *
 *   npm run bench -- start [--json] [--rounds 5] [--agents 500000] [--held 300000]
 *                          [--tenants 1000000] [--tail 500000] [--data DIRECTORY] [--no-replay]
 *
 * The journal is built once and kept in --data (a directory of the system's temporary one).
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { copyOf, fullScale } from './lib/full-scale.ts';
import { machine, median, print, report } from './lib/report.ts';
import { ServerProcess } from './lib/server.ts';
import { type Delays, trickle } from './lib/trickle.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    agents: { type: 'string', default: '500000' },
    held: { type: 'string', default: '300000' },
    tenants: { type: 'string', default: '1000000' },
    tail: { type: 'string', default: '500000' },
    data: { type: 'string', default: join(tmpdir(), 'remuda-bench-start') },
    'no-replay': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});

const START_TARGET_MS = 8_000;
const STOP_TARGET_MS = 50;
/** How long the server is watched when nothing else goes on, to compare with. */
const QUIET_MS = 5_000;
const SNAPSHOT_WITHIN_MS = 120_000;

interface Start {
  readonly ms: number;
  /** Of that, reading snapshot and journal. */
  readonly rebuildMs: number;
  readonly rssMb: number;
  readonly peakRssMb: number;
}

interface SnapshotFigures {
  readonly tookMs: number;
  readonly during: Delays;
  readonly quiet: Delays;
  readonly longestStopMs: number;
  readonly quietStopMs: number;
  readonly peakRssMb: number;
}

async function restart(data: string): Promise<Start> {
  let rebuildMs = 0;
  const server = await ServerProcess.spawn({
    data,
    onLog: (line) => {
      if (line.includes('Pool rebuilt')) rebuildMs = tookMs(line);
    },
  });
  const ms = await server.ready();
  const { rssMb, peakRssMb } = await server.ask('cost');
  await server.kill();
  return { ms, rebuildMs, rssMb, peakRssMb };
}

/** The tail is as long as the server lets it grow, so the first commit makes a snapshot due. */
async function snapshotUnderWay(data: string): Promise<SnapshotFigures> {
  const taken = Promise.withResolvers<number>();
  const server = await ServerProcess.start({
    data,
    onLog: (line) => {
      if (line.includes('Snapshot taken')) taken.resolve(tookMs(line));
      if (line.includes('No snapshot could be taken')) taken.reject(new Error(line));
    },
  });
  const timer = setTimeout(() => taken.reject(new Error('no snapshot came')), SNAPSHOT_WITHIN_MS);
  await server.ask('watch');
  const [took, during] = await trickle(server.port, taken.promise);
  clearTimeout(timer);
  const { longestStopMs, peakRssMb } = await server.ask('cost');
  await server.ask('watch');
  const pause = new Promise((done) => setTimeout(done, QUIET_MS));
  const [, quiet] = await trickle(server.port, pause);
  const { longestStopMs: quietStopMs } = await server.ask('cost');
  await server.stop();
  return { tookMs: took, during, quiet, longestStopMs, quietStopMs, peakRssMb };
}

function tookMs(line: string): number {
  return (JSON.parse(line) as { tookMs: number }).tookMs;
}

function figuresOf(starts: readonly Start[]): Record<string, number> {
  const of = (key: keyof Start) => starts.map((start) => start[key]);
  return {
    ready_ms: Math.round(median(of('ms'))),
    ready_ms_max: Math.round(Math.max(...of('ms'))),
    rebuild_ms: Math.round(median(of('rebuildMs'))),
    rss_mb: Math.round(median(of('rssMb'))),
    peak_rss_mb: Math.round(Math.max(...of('peakRssMb'))),
    rounds: starts.length,
  };
}

const scale = {
  agents: Number(values.agents),
  held: Number(values.held),
  tenants: Number(values.tenants),
  tail: Number(values.tail),
};
const cache = resolve(values.data);
mkdirSync(cache, { recursive: true });
const built = await fullScale(cache, scale);
const work = mkdtempSync(join(cache, 'work-'));
process.once('exit', () => rmSync(work, { recursive: true, force: true }));

copyOf(built.directory, work, true);
const starts: Start[] = [];
for (let round = 0; round < Number(values.rounds); round++) starts.push(await restart(work));
const snapshot = await snapshotUnderWay(work);
const after = await restart(work);
let replay: Start | null = null;
if (!values['no-replay']) {
  copyOf(built.directory, work, false);
  replay = await restart(work);
}

const normal = figuresOf(starts);
const rounded = (value: number) => Math.round(value * 10) / 10;
const document = report('start', {
  figures: {
    ...scale,
    events: built.lastEvent,
    journal_mb: built.megabytes,
    snapshot_mb: built.snapshotMegabytes,
    target_ms: START_TARGET_MS,
    target_met: (normal.ready_ms_max ?? 0) < START_TARGET_MS,
    snapshot_and_tail: normal,
    fresh_snapshot: figuresOf([after]),
    ...(replay && { journal_alone: figuresOf([replay]) }),
    snapshot: {
      took_ms: snapshot.tookMs,
      longest_stop_ms: rounded(snapshot.longestStopMs),
      longest_stop_quiet_ms: rounded(snapshot.quietStopMs),
      target_stop_ms: STOP_TARGET_MS,
      target_met: snapshot.longestStopMs < STOP_TARGET_MS,
      lease_during_ms: snapshot.during,
      lease_quiet_ms: snapshot.quiet,
      peak_rss_mb: Math.round(snapshot.peakRssMb),
    },
  },
});
if (values.json) process.stdout.write(`${JSON.stringify(document)}\n`);
else {
  const row = (name: string, starts: readonly Start[]) => {
    const { ready_ms, ready_ms_max, rebuild_ms, rss_mb, peak_rss_mb } = figuresOf(starts);
    return [name, ...[ready_ms, ready_ms_max, rebuild_ms, rss_mb, peak_rss_mb].map(String)];
  };
  print(
    `Restart after kill -9: ${built.lastEvent.toLocaleString('en')} events, ${built.megabytes} MB · ${machine()}`,
    [
      ['', 'ready ms', 'worst', 'rebuild ms', 'RSS MB', 'peak RSS MB'],
      row(`snapshot + ${scale.tail.toLocaleString('en')} events`, starts),
      row('snapshot just taken', [after]),
      ...(replay ? [row('journal alone', [replay])] : []),
    ],
  );
  const delays = (name: string, stop: number, { p50, p99, max }: Delays) => [
    name,
    ...[stop, p50, p99, max].map((value) => String(rounded(value))),
  ];
  print(
    `While a snapshot is taken (${snapshot.tookMs} ms, peak RSS ${Math.round(snapshot.peakRssMb)} MB)`,
    [
      ['', 'longest stop ms', 'lease p50 ms', 'p99', 'max'],
      delays('during', snapshot.longestStopMs, snapshot.during),
      delays('quiet', snapshot.quietStopMs, snapshot.quiet),
    ],
  );
}
