'use strict';
/**
 * `npm test [-- PATTERN…]`: checks, build, type check of tests, tests. The last line on stdout is
 * always `N passed, N failed`; what was skipped is told before it. With a pattern (or any other argument, which vitest
 * gets) only the build and the matching test files run.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { runChecks, runStage } = require('./check.cjs');
const { ensureDebian } = require('./debian.cjs');
const { Failure, exitIfStopped, runChild, runMain, say } = require('./process.cjs');
const { ROOT, ensureBuilt } = require('./setup.cjs');

/** Debian packages that the tests need. */
const DEBIAN_PACKAGES = [];

const TYPE_CHECK = {
  name: 'types of tests and benchmarks',
  args: [path.join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'tsconfig.test.json'],
};

/** Counts the report's tests; a file that could not even be loaded counts as one failure. */
function countTests(report) {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + broken,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

async function runVitest(args) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'remuda-test-'));
  try {
    const reportFile = path.join(directory, 'report.json');
    const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`];
    const { code } = await runChild(process.execPath, [vitest, 'run', ...reporters, ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const counts = fs.existsSync(reportFile)
      ? countTests(JSON.parse(fs.readFileSync(reportFile, 'utf8')))
      : { passed: 0, failed: 0, skipped: 0 };
    // No test found, an error outside every test, a crash: vitest says it with its exit code only.
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

async function runAll(args) {
  const failures = (failed) => ({ passed: 0, failed, skipped: 0 });
  if (args.length === 0) {
    const failed = await runChecks();
    if (failed > 0) return failures(failed);
  }
  await ensureBuilt(process.execPath);
  if (args.length === 0 && !(await runStage(TYPE_CHECK))) return failures(1);
  await ensureDebian(DEBIAN_PACKAGES);
  const counts = await runVitest(args);
  exitIfStopped();
  return counts;
}

async function main(args) {
  let counts = { passed: 0, failed: 1, skipped: 0 };
  // On exit, so that it is printed whatever happened, an interruption included.
  process.on('exit', () => {
    const { passed, failed, skipped } = counts;
    if (skipped > 0) console.log(`${skipped} skipped`);
    console.log(`${passed} passed, ${failed} failed`);
  });
  try {
    counts = await runAll(args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(error.message);
  }
  return counts.failed === 0 ? 0 : 1;
}

runMain(() => main(process.argv.slice(2)));
