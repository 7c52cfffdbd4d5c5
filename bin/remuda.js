#!/usr/bin/env node
/**
 * The `remuda` command. In a checkout it prepares what is missing first, with whatever Node it was
 * started by; in an installed package it needs Node 24 and says so. Readable by Node 18.
 */
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { Socket } from 'node:net';

const MINIMUM_NODE = 24;
const RUN_SCRIPT = new URL('../scripts/run.cjs', import.meta.url);
const MAIN = new URL('../dist/cli/main.js', import.meta.url);

const require = createRequire(import.meta.url);
const isCheckout = existsSync(RUN_SCRIPT);
const isNewEnough = Number.parseInt(process.versions.node, 10) >= MINIMUM_NODE;

if (!isNewEnough && !isCheckout) {
  console.error(`remuda needs Node ${MINIMUM_NODE} or newer; this is ${process.version}.`);
  process.exit(2);
}

if (!isNewEnough) {
  const { runMain } = require('../scripts/process.cjs');
  const { main } = require('../scripts/run.cjs');
  runMain(() => main(['remuda', ...process.argv.slice(2)]));
} else {
  const launcher = process.env.REMUDA_LAUNCHER;
  delete process.env.REMUDA_LAUNCHER;
  if (launcher === String(process.ppid)) endWithLauncher();
  else if (isCheckout) await prepare();
  // Compiled code is kept between runs: a command then starts in half the time.
  module.enableCompileCache?.();
  await import(MAIN.href);
}

async function prepare() {
  const { Failure, say } = require('../scripts/process.cjs');
  const { ensureBuilt, ensureModules } = require('../scripts/setup.cjs');
  try {
    await ensureModules(process.execPath);
    await ensureBuilt(process.execPath);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(error.message);
    process.exit(error.exitCode);
  }
}

/** The launcher holds the other end of fd 3. When it is killed outright, nobody would stop us. */
function endWithLauncher() {
  const launcher = new Socket({ fd: 3 });
  launcher.on('error', () => {});
  launcher.on('end', () => process.kill(process.pid, 'SIGTERM'));
  launcher.resume();
  launcher.unref();
}
