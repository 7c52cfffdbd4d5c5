/**
 * Guilds made of a recorded chat. A guild is a sender, or a stream, at one time of the recording:
 * what it did then is shifted by whole weeks, so that all guilds live through the same ten weeks,
 * at the hours and on the days of the week at which it really happened. Those that were shifted by
 * equally many weeks were there together, and still are.
 */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SessionBuilder, type Sessions } from '../../src/sim/invites/sessions.ts';
import { readTrace } from '../../src/sim/replay/read-trace.ts';
import { generator } from '../http/random.ts';

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;
/** A Monday: all guilds live from here on. */
const WORLD_START = Date.UTC(2026, 0, 5);
/** The same day of the week, before the recording begins. */
const RECORDING_START = Date.UTC(2018, 1, 5);

export interface WorldShape {
  readonly guilds: number;
  readonly trainWeeks: number;
  readonly testWeeks: number;
  /** A guild asked at least this often in the weeks of training. */
  readonly leastRows: number;
  /** The share of guilds that live in another time zone than their model. */
  readonly movedZones: number;
  /** A session ends after so long without a message. */
  readonly idleMs: number;
  readonly seed: number;
}

export interface World {
  readonly sessions: Sessions;
  readonly from: number;
  readonly split: number;
  readonly to: number;
}

interface Model {
  readonly owner: string;
  readonly rows: { readonly at: number; readonly channel: string }[];
}

/** Every week of the recording gives guilds of its own. */
const WEEKS_BETWEEN = 1;
/** One guild in so many is made of a stream: its topics are channels, several of them at once. */
const STREAM_EVERY = 10;

export async function readWorld(file: string, shape: WorldShape): Promise<World> {
  const { trace } = await readTrace(file, {
    tenantColumn: 'sender',
    purposeColumn: 'stream',
    specializationColumn: 'topic',
    exclude: [{ column: 'is_bot', value: '1' }],
  });
  const senders = new Map<string, Model>();
  const streams = new Map<string, Model>();
  const add = (models: Map<string, Model>, owner: string, at: number, channel: string): void => {
    const model = models.get(owner) ?? { owner, rows: [] };
    models.set(owner, model);
    model.rows.push({ at, channel });
  };
  for (let nth = 0; nth < trace.length; nth += 1) {
    const { at, tenant, purpose = '', specialization = '' } = trace.row(nth);
    add(senders, tenant, at, '');
    add(streams, purpose, at, specialization);
  }
  const ofStreams = Math.floor(shape.guilds / STREAM_EVERY);
  const random = generator(shape.seed);
  const last = trace.row(trace.length - 1).at;
  const chosen = [
    ...drawn(candidates(streams, 'stream', last, shape), ofStreams, random),
    ...drawn(candidates(senders, 'sender', last, shape), shape.guilds - ofStreams, random),
  ];
  const split = WORLD_START + shape.trainWeeks * WEEK_MS;
  const to = split + shape.testWeeks * WEEK_MS;
  return { sessions: lived(chosen, to, shape, random), from: WORLD_START, split, to };
}

interface Candidate {
  readonly name: string;
  readonly model: Model;
  readonly week: number;
}

function candidates(
  models: ReadonlyMap<string, Model>,
  kind: string,
  last: number,
  { trainWeeks, testWeeks, leastRows }: WorldShape,
): Candidate[] {
  const found: Candidate[] = [];
  for (const model of models.values()) {
    for (let week = 0; ; week += WEEKS_BETWEEN) {
      const from = RECORDING_START + week * WEEK_MS;
      if (from + (trainWeeks + testWeeks) * WEEK_MS > last) break;
      const first = firstFrom(model.rows, from);
      const end = firstFrom(model.rows, from + trainWeeks * WEEK_MS);
      if (end - first < leastRows) continue;
      found.push({ name: `${kind}-${model.owner}-${week}`, model, week });
    }
  }
  return found;
}

/** So many of them, without repetition (Fisher and Yates). */
function drawn(all: Candidate[], count: number, random: () => number): Candidate[] {
  if (all.length < count) {
    throw new Error(`only ${all.length} guilds can be made of the recording, not ${count}`);
  }
  for (let i = 0; i < count; i += 1) {
    const other = i + Math.floor(random() * (all.length - i));
    const kept = all[i]!;
    all[i] = all[other]!;
    all[other] = kept;
  }
  return all.slice(0, count);
}

function lived(
  chosen: readonly Candidate[],
  to: number,
  { trainWeeks, testWeeks, movedZones, idleMs }: WorldShape,
  random: () => number,
): Sessions {
  const builder = new SessionBuilder(idleMs);
  for (const { name, model, week } of chosen) {
    const zone = random() < movedZones ? Math.floor(random() * 24) : 0;
    const from = RECORDING_START + week * WEEK_MS;
    const shift = WORLD_START - from + zone * HOUR_MS;
    const end = firstFrom(model.rows, from + (trainWeeks + testWeeks) * WEEK_MS);
    for (let nth = firstFrom(model.rows, from); nth < end; nth += 1) {
      const { at, channel } = model.rows[nth]!;
      if (at + shift < to) builder.add({ at: at + shift, tenant: name, purpose: channel });
    }
  }
  return builder.sessions();
}

function firstFrom(rows: readonly { readonly at: number }[], at: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

const FILE = 'lean_zulip_events_2018-02_2025-11.csv.gz';

/** The recording beside the project, where it is kept for all of them. */
export function recording(given: string | undefined): string {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const file = given ?? process.env.REMUDA_TRACES ?? resolve(root, '../shared/data', FILE);
  if (existsSync(file)) return file;
  throw new Error(`${file} does not exist; name the recording with --trace or REMUDA_TRACES`);
}
