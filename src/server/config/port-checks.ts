/** Port ranges: each is in order, none overlaps another, and none takes the pool's own port. */
import { didYouMean } from '../../protocol/suggest.ts';
import type { Config } from './schema.ts';

export interface RangeFault {
  readonly specialization: string;
  readonly message: string;
}

export function checkPortRanges(config: Config): readonly RangeFault[] {
  const { specializations, autoscaling } = config.multi_agent;
  const ranges = Object.entries(autoscaling.port_ranges);
  const known = Object.keys(specializations);
  const faults: RangeFault[] = [];
  for (const [index, [specialization, [first, last]]] of ranges.entries()) {
    const add = (message: string) => faults.push({ specialization, message });
    if (!known.includes(specialization)) {
      add(`belongs to no specialization${didYouMean(specialization, known)}`);
    }
    if (first > last) {
      add(`ends (${last}) before it begins (${first})`);
      continue;
    }
    if (config.server.port >= first && config.server.port <= last) {
      add(`includes server.port (${config.server.port})`);
    }
    for (const [other, [otherFirst, otherLast]] of ranges.slice(0, index)) {
      if (first <= otherLast && otherFirst <= last) {
        add(`overlaps the range of ${other} [${otherFirst}, ${otherLast}]`);
      }
    }
  }
  return faults;
}
