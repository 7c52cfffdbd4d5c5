/** A file with the demand for agents over time: columns `t_sec` and `demand`. */
import { readCsv } from '../replay/read-csv.ts';
import { ReplayError } from '../replay/replay-error.ts';
import { UnknownColumnError } from '../replay/trace-columns.ts';
import { parseTime } from '../replay/trace-time.ts';
import { MINUTES_PER_DAY } from './minutes.ts';

const COLUMNS = ['t_sec', 'demand'] as const;
const SEC_PER_MINUTE = 60;
/** A demand for twenty years; what is longer is hardly meant as seconds. */
const MOST_MINUTES = 20 * 366 * MINUTES_PER_DAY;
/** As many agents as could ever be counted one by one. */
const MOST_DEMAND = 1e9;

export interface Demand {
  /** When its first minute begins, in seconds, as in the file. */
  readonly startSec: number;
  /** Agents that are needed, minute by minute. */
  readonly minutes: Float64Array;
}

interface Reading {
  readonly onRead?: (share: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Minutes are counted from the first time in the file. Of several rows in a minute the highest
 * counts; a minute without one is as the minute before. Throws ReplayError, UnknownColumnError.
 */
export async function readDemand(file: string, reading: Reading = {}): Promise<Demand> {
  const times: number[] = [];
  const demands: number[] = [];
  let columns: readonly number[] = [];
  let row = 0;
  const refuse = (what: string): never => {
    throw new ReplayError(`${file}, row ${row}: ${what}.`);
  };
  await readCsv(file, {
    ...reading,
    onHeader: (header) => {
      columns = COLUMNS.map((column) => {
        const index = header.indexOf(column);
        if (index < 0) throw new UnknownColumnError(column, header);
        return index;
      });
    },
    onMalformed: () => {
      row += 1;
      refuse('it is no CSV');
    },
    onRecord: (record) => {
      row += 1;
      const [time = '', demand = ''] = columns.map((index) => record[index]);
      const ms = parseTime(time);
      if (ms === null) refuse(`t_sec must be seconds, not "${time}"`);
      const wanted = demand === '' ? Number.NaN : Number(demand);
      if (!(wanted >= 0 && wanted <= MOST_DEMAND)) {
        refuse(`demand must be a number of agents, 0 or more, not "${demand}"`);
      }
      times.push((ms ?? 0) / 1_000);
      demands.push(wanted);
      return true;
    },
  });
  if (times.length === 0) throw new ReplayError(`${file} has no rows.`);
  return demandOf(file, times, demands);
}

function demandOf(file: string, times: readonly number[], demands: readonly number[]): Demand {
  let startSec = Number.POSITIVE_INFINITY;
  let endSec = Number.NEGATIVE_INFINITY;
  for (const time of times) {
    startSec = Math.min(startSec, time);
    endSec = Math.max(endSec, time);
  }
  const indexOf = (time: number): number => Math.floor((time - startSec) / SEC_PER_MINUTE);
  const length = indexOf(endSec) + 1;
  if (length > MOST_MINUTES) {
    throw new ReplayError(
      `${file} spans ${Math.round(length / MINUTES_PER_DAY)} days; t_sec must be seconds.`,
    );
  }
  const minutes = new Float64Array(length).fill(Number.NaN);
  for (const [nth, time] of times.entries()) {
    const index = indexOf(time);
    const before = minutes[index]!;
    minutes[index] = Number.isNaN(before) ? demands[nth]! : Math.max(before, demands[nth]!);
  }
  for (let index = 1; index < length; index += 1) {
    if (Number.isNaN(minutes[index]!)) minutes[index] = minutes[index - 1]!;
  }
  return { startSec, minutes };
}
