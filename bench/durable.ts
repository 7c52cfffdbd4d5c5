/**
 * What it costs to make a batch durable: records of 200 bytes, one batch at a time, each awaited.
 * The subjects take turns on the same disk, and medians of the rounds are compared. Then: how long
 * a journal of a million events takes to open and to read.
 *
 *   npm run bench -- durable [--json] [--rounds 5] [--seconds 1]
 */
import { parseArgs } from 'node:util';
import { measureRestarts, RECORD_BYTES, type Subject, startSubjects } from './durable/subjects.ts';
import { machine, median, print, quantile, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1' },
  },
  allowPositionals: true,
});

const rounds = Number(values.rounds);
const SIZES = [1, 100, 1000];
/** The first batches of a round find cold caches and a log that still has to grow. */
const WARM_UP = 50;

interface Round {
  readonly batchesPerSec: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

async function runRound(subject: Subject, records: number): Promise<Round> {
  for (let batch = 0; batch < WARM_UP; batch++) await subject.append(records);
  const tookMs: number[] = [];
  const startedAt = performance.now();
  const end = startedAt + Number(values.seconds) * 1000;
  for (let now = startedAt; now < end; ) {
    await subject.append(records);
    const after = performance.now();
    tookMs.push(after - now);
    now = after;
  }
  const seconds = (performance.now() - startedAt) / 1000;
  tookMs.sort((a, b) => a - b);
  return {
    batchesPerSec: tookMs.length / seconds,
    p50Ms: quantile(tookMs, 0.5),
    p99Ms: quantile(tookMs, 0.99),
  };
}

const subjects = await startSubjects();
const measured = new Map<Subject, Map<number, Round[]>>();
for (const subject of subjects) {
  measured.set(subject, new Map(SIZES.map((size) => [size, []])));
}
for (const size of SIZES) {
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) {
      measured
        .get(subject)
        ?.get(size)
        ?.push(await runRound(subject, size));
    }
  }
}
for (const subject of subjects) await subject.close();

const hundredths = (value: number) => Math.round(value * 100) / 100;

function figuresOf(subject: Subject, size: number) {
  const own = measured.get(subject)?.get(size) ?? [];
  const batchesPerSec = median(own.map((round) => round.batchesPerSec));
  return {
    batches_per_sec: Math.round(batchesPerSec),
    records_per_sec: Math.round(batchesPerSec * size),
    p50_ms: hundredths(median(own.map((round) => round.p50Ms))),
    p99_ms: hundredths(median(own.map((round) => round.p99Ms))),
  };
}

const rows = subjects.map((subject) => ({
  name: subject.name,
  sizes: Object.fromEntries(SIZES.map((size) => [`batch_${size}`, figuresOf(subject, size)])),
}));
const [first, ...peers] = rows;
const ratios: Record<string, number> = {};
for (const peer of peers) {
  for (const size of SIZES) {
    const key = `batch_${size}`;
    const ratio =
      (first?.sizes[key]?.records_per_sec ?? 0) / (peer.sizes[key]?.records_per_sec ?? 1);
    ratios[`${key}: ${first?.name} ÷ ${peer.name}`] = Number(ratio.toPrecision(3));
  }
}

const restarts = await measureRestarts(rounds);
const restart = {
  events: 1_000_000,
  batches: 10_000,
  open_ms: Math.round(median(restarts.map(({ openMs }) => openMs))),
  read_all_ms: Math.round(median(restarts.map(({ readMs }) => readMs))),
};

if (values.json) {
  const document = report('durable', {
    figures: { record_bytes: RECORD_BYTES, ...first?.sizes, restart },
    peers: Object.fromEntries(peers.map(({ name, sizes }) => [name, sizes])),
    ratios,
  });
  process.stdout.write(`${JSON.stringify(document)}\n`);
} else {
  const table = rows.flatMap(({ name, sizes }) =>
    SIZES.map((size, index) => {
      const figures = sizes[`batch_${size}`];
      return [
        index === 0 ? name : '',
        size.toLocaleString('en'),
        (figures?.batches_per_sec ?? 0).toLocaleString('en'),
        (figures?.records_per_sec ?? 0).toLocaleString('en'),
        String(figures?.p50_ms),
        String(figures?.p99_ms),
      ];
    }),
  );
  print(`Durable batches of ${RECORD_BYTES}-byte records · ${machine()}`, [
    ['', 'batch of', 'batches/s', 'records/s', 'p50 ms', 'p99 ms'],
    ...table,
  ]);
  print('Ratios of the medians', [
    ...Object.entries(ratios).map(([name, ratio]) => [name, String(ratio)]),
  ]);
  print('A journal of 1,000,000 events in 10,000 batches', [
    ['opened', `${restart.open_ms} ms`],
    ['read from event 1', `${restart.read_all_ms} ms`],
  ]);
}
