'use strict';
/**
 * Child processes and signals. The launcher stands between npm and the program, and a signal may
 * reach it twice (from the terminal's process group and from npm): the child must see it once, or
 * a program that shuts down gently on the first SIGINT would take the second for "at once".
 */
const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The same signal again within this time is an echo of the first, not a second wish. */
const ECHO_MS = 1500;

const PARENT_POLL_MS = 500;

/** A failure that the user can understand from its message; printed without a stack trace. */
class Failure extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Every child that is running now; a check may run several side by side. */
const running = new Set();
const lastSeen = new Map();
let stopSignal = null;

function onSignal(signal) {
  const now = Date.now();
  if (now - (lastSeen.get(signal) ?? 0) < ECHO_MS) return;
  lastSeen.set(signal, now);
  stopSignal ??= signal;
  if (running.size === 0) process.exit(signalExitCode(signal));
  for (const { child, detached } of running) {
    // A terminal sends SIGINT to the whole foreground group, so the child already has it.
    const hasIt = signal === 'SIGINT' && process.stdin.isTTY && !detached;
    if (!hasIt) child.kill(signal);
  }
}

/** Takes over the signals of this process; call it once, at the start of a main program. */
function forwardSignals() {
  for (const signal of FORWARDED) process.on(signal, () => onSignal(signal));
  if (!process.env.npm_lifecycle_event) return;
  // An npm that is killed outright tells nobody; without it this process is run by no one.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    if (!stopSignal) onSignal('SIGTERM');
  }, PARENT_POLL_MS);
  watch.unref();
}

function signalExitCode(signal) {
  return 128 + (constants.signals[signal] ?? 1);
}

/**
 * Runs a command to its end. Resolves `{ code, output }`; `code` is 128 + n after signal n.
 * `capture` collects stdout and stderr as text instead of passing them through.
 * Rejects with a Failure when the command cannot be started.
 */
function runChild(command, args, options = {}) {
  const { cwd, env = process.env, capture = false, stdio, detached = false, shell } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      shell,
      detached,
      stdio: capture ? ['ignore', 'pipe', 'pipe'] : (stdio ?? 'inherit'),
    });
    const entry = { child, detached };
    running.add(entry);
    let output = '';
    const collect = (chunk) => {
      output += chunk;
    };
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    // A further pipe only tells the child that we live; how it ends does not matter.
    child.stdio[3]?.on('error', () => {});
    child.on('error', (error) => {
      running.delete(entry);
      reject(new Failure(`cannot run ${command}: ${error.code ?? error.message}`));
    });
    child.on('close', (code, signal) => {
      running.delete(entry);
      resolve({ code: signal ? signalExitCode(signal) : code, output });
    });
  });
}

/** Ends this process if a signal has asked for it; for use between the steps of a longer job. */
function exitIfStopped() {
  if (stopSignal) process.exit(signalExitCode(stopSignal));
}

function say(message) {
  process.stderr.write(`remuda: ${message}\n`);
}

/** Runs a main program: a Failure becomes one line on stderr, any other error is a bug. */
function runMain(main) {
  forwardSignals();
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error) => {
      say(error instanceof Failure ? error.message : error.stack);
      process.exitCode = error instanceof Failure ? error.exitCode : 1;
    },
  );
}

module.exports = { Failure, exitIfStopped, runChild, runMain, say };
