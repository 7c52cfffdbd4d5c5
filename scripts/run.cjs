'use strict';
/**
 * The one entry of every `npm run` command: prepares the checkout, then runs the task with a Node
 * that is new enough. Readable by Node 18.
 *
 *     node scripts/run.cjs TASK [ARGUMENTS]
 */
const fs = require('node:fs');
const path = require('node:path');
const { Failure, runChild, runMain } = require('./process.cjs');
const { ROOT, ensureBuilt, ensureModules, ensureNode, environmentFor } = require('./setup.cjs');

const inRoot = (...parts) => path.join(ROOT, ...parts);

/** Each task: does it need a build first, and which script with which arguments does Node run? */
const TASKS = {
  start: { build: true, command: (args) => [inRoot('bin', 'remuda.js'), 'serve', ...args] },
  remuda: { build: true, command: (args) => [inRoot('bin', 'remuda.js'), ...args] },
  bench: { build: true, command: benchCommand },
  sim: { build: false, command: (args) => [inRoot('test', 'sim', 'main.ts'), ...args] },
  test: { build: false, command: (args) => [inRoot('scripts', 'test.cjs'), ...args] },
  check: { build: false, command: (args) => [inRoot('scripts', 'check.cjs'), ...args] },
  fix: {
    build: false,
    command: (args) => [
      inRoot('node_modules/@biomejs/biome/bin/biome'),
      'check',
      '--write',
      ...args,
    ],
  },
  build: { build: true, command: null },
};

function benchCommand(args) {
  const name = args.find((arg) => !arg.startsWith('-'));
  const directory = inRoot('bench');
  const names = fs.existsSync(directory)
    ? fs
        .readdirSync(directory)
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => file.slice(0, -'.ts'.length))
    : [];
  if (!name || !names.includes(name)) {
    const wrong = name ? `there is no benchmark "${name}"\n` : '';
    throw new Failure(`${wrong}usage: npm run bench -- ${names.join('|') || 'NAME'} [--json]`, 2);
  }
  return [path.join(directory, `${name}.ts`), ...args.filter((arg) => arg !== name)];
}

async function runTask(name, args) {
  const task = TASKS[name];
  if (!task) {
    throw new Failure(`usage: node scripts/run.cjs ${Object.keys(TASKS).join('|')}`, 2);
  }
  const node = await ensureNode();
  await ensureModules(node);
  if (task.build) await ensureBuilt(node);
  if (!task.command) return 0;
  // Away from a terminal a long-running program gets a process group of its own: a signal to the
  // whole group would otherwise reach it twice. It then watches fd 3 to notice a launcher that
  // dies without a word (see bin/remuda.js).
  const guarded = (name === 'start' || name === 'remuda') && !process.stdin.isTTY;
  const env = environmentFor(node);
  if (guarded) env.REMUDA_LAUNCHER = String(process.pid);
  const { code } = await runChild(node, task.command(args), {
    env,
    detached: guarded && process.platform !== 'win32',
    stdio: guarded ? ['inherit', 'inherit', 'inherit', 'pipe'] : 'inherit',
  });
  return code;
}

async function main([name, ...args]) {
  try {
    return await runTask(name, args);
  } catch (error) {
    // Whoever counts tests reads the last line, also when the tests could not even begin.
    if (name === 'test') process.on('exit', () => console.log('0 passed, 1 failed'));
    throw error;
  }
}

if (require.main === module) runMain(() => main(process.argv.slice(2)));

module.exports = { main };
