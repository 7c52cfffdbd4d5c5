'use strict';
/** `npm run check`: format and lint, layering, unused code. Everything but the compiler and tests. */
const path = require('node:path');
const { exitIfStopped, runChild, runMain } = require('./process.cjs');
const { ROOT } = require('./setup.cjs');

const moduleFile = (...parts) => path.join(ROOT, 'node_modules', ...parts);

const CHECKS = [
  {
    name: 'format and lint',
    hint: '`npm run fix` mends what can be mended by itself',
    args: [moduleFile('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings'],
  },
  { name: 'layering', args: [path.join(ROOT, 'scripts', 'layering.cjs')] },
  {
    name: 'unused code',
    args: [moduleFile('knip/bin/knip.js'), '--no-progress', '--no-config-hints'],
  },
];

/** Runs one stage with the current Node; prints its output only when it fails. */
async function runStage({ name, args, hint }) {
  const start = Date.now();
  const { code, output } = await runChild(process.execPath, args, { cwd: ROOT, capture: true });
  exitIfStopped();
  const ok = code === 0;
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  if (!ok) console.log(output.trimEnd());
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!ok && hint) console.log(`       ${hint}`);
  return ok;
}

/** Runs all checks side by side and resolves with the number of those that failed. */
async function runChecks() {
  const results = await Promise.all(CHECKS.map(runStage));
  return results.filter((ok) => !ok).length;
}

if (require.main === module) runMain(async () => ((await runChecks()) === 0 ? 0 : 1));

module.exports = { runChecks, runStage };
