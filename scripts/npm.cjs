'use strict';
/** npm as a step of the setup: which npm, under which Node, and what its failures mean. */
const fs = require('node:fs');
const path = require('node:path');
const { Failure, exitIfStopped, runChild } = require('./process.cjs');

/** Short retries: a registry that cannot be reached should be reported, not waited for. */
const NPM_FLAGS = [
  '--no-audit',
  '--no-fund',
  '--ignore-scripts',
  '--loglevel=error',
  '--prefer-offline',
  '--fetch-retries=2',
  '--fetch-retry-mintimeout=1000',
  '--fetch-retry-maxtimeout=5000',
];

const NPM_FAILURES = [
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT|network/i,
    'the npm registry cannot be reached; connect this machine to the network and try again',
  ],
  [/ENOSPC/, 'the disk is full'],
  [/EACCES|EPERM|EROFS/, 'npm may not write to the checkout or to its own cache'],
  [
    /can only install packages when your package\.json and package-lock\.json/,
    'package.json and package-lock.json disagree; run `npm install`, then `node scripts/complete-lock.cjs`',
  ],
  [/E404|ETARGET/, 'the npm registry does not have a package of the lock file'],
  [/E401|E403/, 'the npm registry refuses this machine'],
];

/** The environment for npm: what an outer `npm run` says about its own package must not leak in. */
function npmEnvironment() {
  const foreign = /^npm_(package|lifecycle|command|config_local_prefix)/;
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !foreign.test(key)));
}

/** The script behind the npm that started us, or else behind the first one in PATH; or null. */
function npmScript() {
  const places = (process.env.PATH ?? '').split(path.delimiter).map((dir) => path.join(dir, 'npm'));
  for (const place of [process.env.npm_execpath ?? '', ...places]) {
    const script = fs.existsSync(place) ? fs.realpathSync(place) : '';
    if (path.basename(script) === 'npm-cli.js') return script;
  }
  return null;
}

/**
 * How to start npm. Under an old Node it leaves out the native parts of tools that ask for a newer
 * one, so it runs under `node`, where that works. A distribution's npm finds its modules where only
 * the distribution's Node looks: beside itself.
 */
async function findNpm(node) {
  const script = npmScript();
  const env = npmEnvironment();
  if (!script) return { command: 'npm', first: [], env, shell: process.platform === 'win32' };
  if (node !== null) {
    const beside = path.resolve(script, '../../..');
    const newer = { ...env, NODE_PATH: [beside, env.NODE_PATH ?? ''].join(path.delimiter) };
    const trial = await runChild(node, [script, '--version'], { capture: true, env: newer });
    if (trial.code === 0) return { command: node, first: [script], env: newer };
  }
  const own = process.env.npm_node_execpath ?? process.execPath;
  return { command: own, first: [script], env };
}

/**
 * Runs npm in a directory, under `node` if that is given. Throws a Failure that begins with `what`
 * and says in plain words what went wrong.
 */
async function npm(args, { what, directory, node = null }) {
  const { command, first, env, shell } = await findNpm(node);
  const all = [...first, ...args, '--prefix', directory, ...NPM_FLAGS];
  const options = { cwd: directory, env, capture: true, shell };
  const { code, output } = await runChild(command, all, options).catch((error) => {
    throw /ENOENT/.test(error.message)
      ? new Failure('npm is not installed (on Debian: apt-get install npm)')
      : error;
  });
  exitIfStopped();
  if (code === 0) return;
  const reason = NPM_FAILURES.find(([pattern]) => pattern.test(output))?.[1];
  const lines = output
    .split('\n')
    .filter(
      (line) =>
        /^npm (error|ERR!) +\S/.test(line) && !/complete log|debug-0\.log|^npm \S+ +at /.test(line),
    )
    .slice(0, 6)
    .join('\n');
  throw new Failure(
    `${what} failed: ${reason ?? `npm ended with code ${code}`}${lines ? `\n${lines}` : ''}`,
  );
}

module.exports = { npm };
