/** How processes are asked to end, and made to. */
import { setTimeout } from 'node:timers/promises';
import { ProvisionError } from '../../../host/provisioner.ts';
import { isAlive, type ProcessEntry, readProcess } from './process-table.ts';

/** A process that is still there so long after SIGKILL hangs in the kernel. */
export const KILL_PATIENCE_MS = 10_000;

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;

/** Not there any more, or not ours to signal: whoever waits for its end will see which. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH' && code !== 'EPERM') throw error;
  }
}

export function signalGroup(group: number, signal: NodeJS.Signals): void {
  // 0 would mean this process's own group, and 1 every process there is.
  if (group > 1) sendSignal(-group, signal);
}

/** Polls, because an adopted process tells nobody of its end. False when the time is over. */
export async function waitUntil(isSo: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  for (let pause = FIRST_PAUSE_MS; !isSo(); pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const left = end - performance.now();
    if (left <= 0) return false;
    await setTimeout(Math.min(pause, left));
  }
  return true;
}

/** SIGCONT as well, because one that is stopped could not hear the other. */
function ask(members: readonly ProcessEntry[]): void {
  for (const member of members) {
    if (!isAlive(member)) continue;
    sendSignal(member.pid, 'SIGTERM');
    sendSignal(member.pid, 'SIGCONT');
  }
}

/** By groups: one that keeps starting others would be missed one by one. */
function kill(members: readonly ProcessEntry[]): void {
  const killed = new Set<number>();
  for (const { pid, startTicks, group } of members) {
    if (killed.has(group)) continue;
    const now = readProcess(pid);
    if (now?.startTicks !== startTicks || now.group !== group) continue;
    killed.add(group);
    signalGroup(group, 'SIGKILL');
  }
}

export function hanging(agentId: string, pids: readonly number[]): ProvisionError {
  const processes = pids.length === 1 ? 'Process' : 'Processes';
  return new ProvisionError(
    `${processes} ${pids.join(', ')} of agent ${agentId} could not be ended, not even by SIGKILL. Look at it with ps: in state D it hangs in the kernel, mostly for a disk or a network share; under another user only root can end it.`,
  );
}

/**
 * Ends all that `find` finds, again and again until it finds nothing: SIGTERM, SIGKILL after
 * `graceMs`. Throws ProvisionError when even that does not help.
 */
export async function endAll(
  agentId: string,
  find: () => Promise<readonly ProcessEntry[]>,
  graceMs: number,
): Promise<void> {
  const startedAt = performance.now();
  let pause = FIRST_PAUSE_MS;
  let hasAsked = false;
  let isEmpty = false;
  for (;;) {
    const members = await find();
    if (members.length === 0) {
      // A process can start another and end while the table is read, and neither is seen.
      if (isEmpty) return;
      isEmpty = true;
      continue;
    }
    isEmpty = false;
    const passed = performance.now() - startedAt;
    if (passed >= graceMs + KILL_PATIENCE_MS) {
      const pids = members.map(({ pid }) => pid);
      throw hanging(agentId, pids);
    }
    if (passed >= graceMs) kill(members);
    // Once: what starts afterwards may be needed in order to end well.
    else if (!hasAsked) ask(members);
    hasAsked = true;
    await setTimeout(pause);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The same for the group of a child that has just ended, where there is no /proc to look at. */
export async function endGroup(agentId: string, group: number, graceMs: number): Promise<void> {
  const isGone = () => !groupExists(group);
  if (isGone()) return;
  signalGroup(group, 'SIGTERM');
  signalGroup(group, 'SIGCONT');
  if (await waitUntil(isGone, graceMs)) return;
  signalGroup(group, 'SIGKILL');
  if (!(await waitUntil(isGone, KILL_PATIENCE_MS))) throw hanging(agentId, [group]);
}
