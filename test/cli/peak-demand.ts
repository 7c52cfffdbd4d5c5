/**
 * Jobs as a demand for agents: for each minute, the most jobs that ran at once in it. A job runs from
 * its submission on, until its run time is over.
 */
import { readCsv } from '../../src/sim/replay/read-csv.ts';

const SEC_PER_MINUTE = 60;

/** Takes a CSV file with the columns `submit_s` and `run_s`, both in seconds from the same start. */
export async function peakDemand(file: string, minutes: number): Promise<Float64Array> {
  const steps = new Int32Array(minutes * SEC_PER_MINUTE + 1);
  let [submit, run] = [-1, -1];
  await readCsv(file, {
    onHeader: (header) => {
      [submit, run] = [header.indexOf('submit_s'), header.indexOf('run_s')];
    },
    onMalformed: () => {
      throw new Error(`${file} is no CSV`);
    },
    onRecord: (record) => {
      const begin = Number(record[submit]);
      const end = begin + Math.max(0, Number(record[run]));
      if (begin >= steps.length) return true;
      steps[begin] += 1;
      steps[Math.min(end, steps.length - 1)] -= 1;
      return true;
    },
  });
  const peaks = new Float64Array(minutes);
  let running = 0;
  for (let sec = 0; sec < minutes * SEC_PER_MINUTE; sec += 1) {
    running += steps[sec];
    const minute = Math.floor(sec / SEC_PER_MINUTE);
    peaks[minute] = Math.max(peaks[minute], running);
  }
  return peaks;
}
