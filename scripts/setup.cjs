'use strict';
/**
 * Makes a checkout ready to run: a Node that is new enough, the locked dependencies, a current
 * build. Each step looks first and does nothing when it has nothing to do, so a prepared checkout
 * pays a few dozen milliseconds. Readable by Node 18: this is what runs before Node 24 is there.
 */
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { Failure, exitIfStopped, runChild, say } = require('./process.cjs');
const { withLock } = require('./lock.cjs');
const { npm } = require('./npm.cjs');

const ROOT = path.resolve(__dirname, '..');
const TOOLCHAIN = path.join(ROOT, '.toolchain');
const MODULES = path.join(ROOT, 'node_modules');
const DIST = path.join(ROOT, 'dist');
const MODULES_STAMP = path.join(MODULES, '.remuda-setup');
const DIST_STAMP = path.join(DIST, '.stamp');

const MINIMUM_NODE = 24;
const OWN_NODE = '24.21.0';

/** What the installations take on disk, in MB. npm does not notice when it runs out of space. */
const NODE_MB = 220;
const MODULES_MB = 260;

const isNewEnough = (version) => Number.parseInt(version, 10) >= MINIMUM_NODE;

function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

const readJson = (file) => JSON.parse(readText(file) ?? 'null');

const sha256 = (text) => crypto.createHash('sha256').update(text).digest('hex');

/** `fs` errors that say something about the machine rather than about this program. */
function explained(error) {
  const reasons = {
    ENOSPC: 'the disk is full',
    EROFS: 'the checkout is on a read-only file system',
    EACCES: 'the checkout is not writable by this user',
    EPERM: 'the checkout is not writable by this user',
  };
  const reason = reasons[error.code];
  return reason ? new Failure(`${reason} (${error.path ?? error.message})`) : error;
}

async function locked(job) {
  try {
    fs.mkdirSync(TOOLCHAIN, { recursive: true });
    return await withLock(path.join(TOOLCHAIN, 'lock'), job);
  } catch (error) {
    throw explained(error);
  }
}

// ─── Steps ────────────────────────────────────────────────────────────────────────────────────────

/** npm unpacks onto a full disk without an error, and leaves truncated files behind. */
function requireSpace(megabytes) {
  const { bavail, bsize } = fs.statfsSync?.(ROOT) ?? {};
  const free = Math.floor((bavail * bsize) / 1e6);
  if (free < megabytes) {
    throw new Failure(`the disk has ${free} MB left; this step needs ${megabytes} MB`);
  }
}

/** Runs a step, says what it is doing, and how long it took once that is worth knowing. */
async function step(what, job) {
  say(`${what} …`);
  const start = Date.now();
  await job();
  const seconds = Math.round((Date.now() - start) / 1000);
  if (seconds > 1) say(`${what}: done in ${seconds} s`);
}

// ─── Node ──────────────────────────────────────────────────────────────────────────────────────

function ownNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const directory = path.join(TOOLCHAIN, 'node_modules', name);
  const binary = path.join(directory, 'bin', platform === 'win' ? 'node.exe' : 'node');
  // Written last: an installation that was cut short has no stamp.
  const stamp = path.join(TOOLCHAIN, `${name}.ok`);
  const isReady = () => {
    const version = readText(stamp);
    return version !== null && isNewEnough(version) && fs.existsSync(binary);
  };
  return { name, binary, stamp, isReady };
}

/** Does this binary run, and is it new enough? */
async function runs(binary) {
  if (!fs.existsSync(binary)) return false;
  try {
    const { code, output } = await runChild(binary, ['--version'], { capture: true });
    return code === 0 && isNewEnough(output.replace(/^v/, ''));
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

/** The path of a Node that is new enough; installs one into the checkout if it must. */
async function ensureNode() {
  if (isNewEnough(process.versions.node)) return process.execPath;
  const own = ownNode();
  if (own.isReady()) return own.binary;
  await locked(async () => {
    if (own.isReady()) return;
    if (await runs(own.binary)) {
      fs.writeFileSync(own.stamp, OWN_NODE);
      return;
    }
    const what = `installing Node ${OWN_NODE} into .toolchain (this machine has ${process.versions.node})`;
    await step(what, async () => {
      requireSpace(NODE_MB);
      fs.rmSync(path.join(TOOLCHAIN, 'node_modules'), { recursive: true, force: true });
      fs.writeFileSync(path.join(TOOLCHAIN, 'package.json'), '{ "private": true }\n');
      await npm(['install', '--no-package-lock', `${own.name}@${OWN_NODE}`], {
        what: `installing Node ${OWN_NODE}`,
        directory: TOOLCHAIN,
      });
      if (!(await runs(own.binary))) {
        throw new Failure(
          `Node ${OWN_NODE} does not run on this machine; install Node ${MINIMUM_NODE} or newer yourself`,
        );
      }
      fs.writeFileSync(own.stamp, OWN_NODE);
    });
  });
  return own.binary;
}

// ─── Dependencies ──────────────────────────────────────────────────────────────────────────────

/** npm leaves a list of what it has installed; after the developer's own `npm install` it agrees. */
function installedMatchesLock() {
  const wanted = readJson(path.join(ROOT, 'package-lock.json'))?.packages ?? {};
  const installed = readJson(path.join(MODULES, '.package-lock.json'))?.packages;
  if (!installed) return false;
  for (const [name, entry] of Object.entries(installed)) {
    if (wanted[name]?.version !== entry.version) return false;
    if (!fs.existsSync(path.join(ROOT, name))) return false;
  }
  return Object.entries(wanted).every(
    ([name, entry]) => name === '' || name in installed || entry.optional || entry.devOptional,
  );
}

/** `npx remuda` looks here; npm links the programs of dependencies only, not the package's own. */
function ensureBinLink() {
  const directory = path.join(MODULES, '.bin');
  const link = path.join(directory, 'remuda');
  if (process.platform === 'win32' || fs.existsSync(link)) return;
  fs.mkdirSync(directory, { recursive: true });
  fs.rmSync(link, { force: true });
  try {
    fs.symlinkSync(path.join('..', '..', 'bin', 'remuda.js'), link);
  } catch (error) {
    if (error.code !== 'EEXIST') throw explained(error);
  }
}

async function ensureModules(node) {
  const lockText = readText(path.join(ROOT, 'package-lock.json'));
  if (lockText === null) throw new Failure('package-lock.json is missing from the checkout');
  const wanted = sha256(lockText);
  const isReady = () => readText(MODULES_STAMP) === wanted;
  if (!isReady()) {
    await locked(async () => {
      if (isReady()) return;
      if (!installedMatchesLock()) {
        await step('installing dependencies', () => {
          requireSpace(MODULES_MB);
          const args = ['ci', '--include=dev', '--include=optional'];
          return npm(args, { what: 'npm ci', directory: ROOT, node });
        });
      }
      fs.writeFileSync(MODULES_STAMP, wanted);
    });
  }
  ensureBinLink();
}

// ─── Build ─────────────────────────────────────────────────────────────────────────────────────

function listFiles(directory, found = []) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) listFiles(file, found);
    else found.push(file);
  }
  return found;
}

/** The rooms that `tsc -b` builds, as directory names below src/ and dist/. */
function rooms() {
  const { references } = readJson(path.join(ROOT, 'tsconfig.json'));
  return references.map((reference) => path.basename(reference.path));
}

const isBuiltSource = (file) => /\.tsx?$/.test(file) && !/\.(test|d)\.tsx?$/.test(file);

const outputOf = (source) =>
  path.join(DIST, path.relative(path.join(ROOT, 'src'), source)).replace(/\.tsx?$/, '.js');

/** What a build is made from: every source's path, size and time, and every tsconfig. */
function buildInputs() {
  const inRooms = rooms().flatMap((room) => listFiles(path.join(ROOT, 'src', room)));
  const sources = inRooms.filter(isBuiltSource);
  const configs = [
    ...inRooms.filter((file) => path.basename(file) === 'tsconfig.json'),
    ...['tsconfig.json', 'tsconfig.base.json', 'tsconfig.room.json', 'package-lock.json'].map(
      (name) => path.join(ROOT, name),
    ),
  ];
  const describe = (file) => {
    const { size, mtimeMs } = fs.statSync(file);
    return `${path.relative(ROOT, file)} ${size} ${mtimeMs}`;
  };
  return { sources, fingerprint: sha256([...sources, ...configs].map(describe).sort().join('\n')) };
}

/** Removes what a deleted source left behind; it would be imported, and published, as before. */
function removeOrphans(sources) {
  const expected = new Set(sources.map(outputOf));
  for (const room of rooms()) {
    const directory = path.join(DIST, room);
    if (!fs.existsSync(directory)) continue;
    for (const file of listFiles(directory)) {
      const output = file.replace(/(\.d\.ts|\.js)(\.map)?$/, '.js');
      if (output.endsWith('.js') && !expected.has(output)) fs.rmSync(file, { force: true });
    }
  }
}

/** tsc trusts its own notes; where an output has been deleted by hand they have to go too. */
function forgetLostOutputs(sources) {
  for (const source of sources) {
    if (fs.existsSync(outputOf(source))) continue;
    const room = path.relative(path.join(ROOT, 'src'), source).split(path.sep)[0];
    fs.rmSync(path.join(DIST, room, '.tsbuildinfo'), { force: true });
  }
}

async function ensureBuilt(node) {
  const isReady = ({ sources, fingerprint }) =>
    readText(DIST_STAMP) === fingerprint && sources.every((s) => fs.existsSync(outputOf(s)));
  if (isReady(buildInputs())) return;
  await locked(async () => {
    const inputs = buildInputs();
    if (isReady(inputs)) return;
    await step('building', async () => {
      fs.rmSync(DIST_STAMP, { force: true });
      forgetLostOutputs(inputs.sources);
      const tsc = path.join(MODULES, 'typescript', 'bin', 'tsc');
      // The compiler's messages go to stderr: stdout belongs to the command that comes after.
      const { code } = await runChild(node, [tsc, '-b'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
      exitIfStopped();
      if (code !== 0) throw new Failure('the build failed');
      removeOrphans(inputs.sources);
      fs.mkdirSync(DIST, { recursive: true });
      fs.writeFileSync(DIST_STAMP, inputs.fingerprint);
    });
  });
}

/** The environment in which `node` and the project's tools are found first. */
function environmentFor(node) {
  const first = [path.dirname(node), path.join(MODULES, '.bin')];
  return {
    // The pool's tables are read at random: with large pages the processor finds its way in them
    // about a third faster. Other C libraries than glibc do not look at this.
    GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
    ...process.env,
    PATH: [...first, process.env.PATH ?? ''].join(path.delimiter),
  };
}

module.exports = { ROOT, ensureBuilt, ensureModules, ensureNode, environmentFor };
