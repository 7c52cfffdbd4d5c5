/** The files of an agent in the log directory. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** File systems take 255 bytes, and suffixes must fit behind. */
const LONGEST_NAME = 200;
const HEAD = 150;

/** An agent id may hold what a file name may not, and be longer once that is written otherwise. */
export function pathFor(directory: string, agentId: string, suffix: string): string {
  const name = encodeURIComponent(agentId.toWellFormed());
  if (name.length <= LONGEST_NAME) return join(directory, `${name}${suffix}`);
  const digest = createHash('sha256').update(agentId).digest('hex').slice(0, 32);
  return join(directory, `${name.slice(0, HEAD)}~${digest}${suffix}`);
}
