/** The reference agent. Importing this runs it. */
import { type RunningAgent, startAgent } from './agent.ts';
import { LIMITS } from './limits.ts';
import { createLog, type Log } from './log.ts';
import { readSettings, type Settings } from './settings.ts';

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

const read = readSettings(process.argv.slice(2), process.env);
switch (read.outcome) {
  case 'help': {
    const { HELP } = await import('./help.ts');
    process.stdout.write(HELP);
    break;
  }
  case 'faults': {
    const lines = read.faults.map((fault) => `  ${fault}`);
    complain(['The agent was not started:', ...lines].join('\n'), EXIT.usage);
    break;
  }
  case 'settings':
    await run(read.settings);
}

async function run(settings: Settings): Promise<void> {
  const log = createLog(process.stdout, settings.agentId);
  // No thread can be started in a directory that has been removed, and agents live long.
  process.chdir('/');
  process.on('uncaughtException', (error) => {
    log('crashed', { reason: error.stack });
    process.exit(EXIT.failed);
  });
  let agent: RunningAgent;
  try {
    agent = await startAgent(settings, log);
  } catch (error) {
    complain(listenComplaint(error as NodeJS.ErrnoException, settings.port), EXIT.failed);
    return;
  }
  stopOnSignal(agent, log);
}

function stopOnSignal(agent: RunningAgent, log: Log): void {
  let firstAt: number | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const now = performance.now();
    if (firstAt !== null) {
      if (now - firstAt >= LIMITS.echoMs) process.exit(EXIT.failed);
      return;
    }
    firstAt = now;
    log('stopping', { signal });
    void agent.stop().then(() => {
      log('stopped');
      process.exitCode = EXIT.done;
      // Its log may have to leave first; whatever else is still open must not keep the process.
      setTimeout(() => process.exit(EXIT.done), LIMITS.flushMs).unref();
    });
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function listenComplaint({ code, message }: NodeJS.ErrnoException, port: number): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} on 127.0.0.1 is taken by another program. Stop that one, or choose another with --port or REMUDA_PORT.`;
  }
  return `The agent cannot listen on port ${port}: ${message}`;
}

/** stderr may be a pipe that nobody reads any more. */
function complain(text: string, exitCode: number): void {
  process.stderr.on('error', () => {});
  process.stderr.write(`${text}\n`);
  process.exitCode = exitCode;
}
