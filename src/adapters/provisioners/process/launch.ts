/** Starts a program, and says in words why it does not start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ProvisionError } from '../../../host/provisioner.ts';

export interface Program {
  readonly agentId: string;
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment: Record<string, string | undefined>;
  /** Takes both outputs. It stays open here. */
  readonly logHandle: number;
}

function reasonFor(program: string, error: NodeJS.ErrnoException, path: string): string {
  switch (error.code) {
    case 'ENOENT':
    case 'EACCES':
    case 'EPERM':
      if (!program.includes('/')) {
        return `no program ${program} that this user may run is in the directories of PATH (${path}). Install it, or write its whole path into the command`;
      }
      if (error.code !== 'ENOENT') {
        return `${program} is not executable for this user. Allow it (chmod +x), or start it through its interpreter`;
      }
      if (existsSync(program)) {
        return `the interpreter that ${program} names in its first line does not exist. Install it, or correct that line`;
      }
      return `there is no file ${resolve(program)}. Correct the path in the command`;
    case 'E2BIG':
      return 'its arguments and environment are too long for this system. Shorten the command';
    case 'EAGAIN':
    case 'ENOMEM':
      return 'this machine has no room for another process. Raise the limit (ulimit -u) or the memory, or run fewer agents';
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit (ulimit -n)';
    case 'ERR_INVALID_ARG_VALUE':
      return 'its command or environment holds a NUL byte. Correct the command';
    default:
      return `${error.message}. Correct the command`;
  }
}

function cannotStart({ agentId, command, environment }: Program, cause: unknown) {
  const reason = reasonFor(command[0], cause as NodeJS.ErrnoException, environment.PATH ?? '');
  return new ProvisionError(`Agent ${agentId} cannot be started: ${reason}.`, { cause });
}

/**
 * In a session of its own, out of reach of a signal to the manager's terminal. Throws
 * ProvisionError; what can only be told later, `whenRunning` tells.
 */
export function launch(program: Program): ChildProcess {
  const { command, environment, logHandle } = program;
  const [file, ...args] = command;
  try {
    const child = spawn(file, args, {
      env: environment,
      detached: true,
      stdio: ['ignore', logHandle, logHandle],
    });
    // It is to outlive this process if need be, not to keep it alive.
    child.unref();
    return child;
  } catch (error) {
    throw cannotStart(program, error);
  }
}

/** Rejects with a ProvisionError if the program cannot be run. */
export async function whenRunning(child: ChildProcess, program: Program): Promise<void> {
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw cannotStart(program, error);
  }
  // Of a running process it is a signal that could not be sent; whoever sends one sees to that.
  child.on('error', () => undefined);
}
