'use strict';
/**
 * Debian packages that some tests need (a database server, a browser). Root on a machine with apt
 * gets them installed; anyone else is told exactly what to install.
 */
const { spawnSync } = require('node:child_process');
const { Failure, runChild, say } = require('./process.cjs');

function isInstalled(name) {
  const { stdout } = spawnSync('dpkg', ['--status', name], { encoding: 'utf8' });
  return /^Status: install ok installed$/m.test(stdout ?? '');
}

/** Makes sure that the named Debian packages are installed; throws a Failure when they cannot be. */
async function ensureDebian(packages) {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `apt-get update && apt-get install --yes --no-install-recommends ${missing.join(' ')}`;
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (process.getuid?.() !== 0 || !hasApt) {
    throw new Failure(`the tests need ${missing.join(', ')}; install with:\n  ${command}`);
  }
  say(`installing ${missing.join(', ')} …`);
  const options = { capture: true, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  for (const args of [['update'], install]) {
    const { code, output } = await runChild('apt-get', args, options);
    if (code !== 0) {
      throw new Failure(
        `apt-get ${args[0]} failed:\n${output.trim().split('\n').slice(-5).join('\n')}`,
      );
    }
  }
}

module.exports = { ensureDebian };
