'use strict';
/**
 * A lock between processes of one checkout: a directory that appears with its owner's name already
 * inside, because a rename onto a directory that is not empty fails. A lock whose owner has died is
 * taken over; the owner is a pid plus its start time, since a container gives the same small pids
 * again after every restart.
 */
const fs = require('node:fs');
const path = require('node:path');
const { say } = require('./process.cjs');

const POLL_MS = 100;

/** The takeover of a dead owner's lock is itself guarded; a guard this old was left by a crash. */
const GUARD_STALE_MS = 10_000;

/** When a process started, in the kernel's words; '?' where /proc does not tell, null for a corpse. */
function startTimeOf(pid) {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The process name may hold spaces and parentheses: count from behind it (fields 3 and 22).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return '?';
  }
}

function isAlive(owner) {
  const [pid, startTime] = owner.split(' ');
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (error.code !== 'EPERM') return false;
  }
  return startTime === '?' || startTime === startTimeOf(pid);
}

function readOwner(directory) {
  try {
    return fs.readFileSync(path.join(directory, 'owner'), 'utf8');
  } catch {
    return null;
  }
}

function tryAcquire(directory, me) {
  const own = `${directory}.${process.pid}`;
  fs.rmSync(own, { recursive: true, force: true });
  fs.mkdirSync(own, { recursive: true });
  fs.writeFileSync(path.join(own, 'owner'), me);
  try {
    fs.renameSync(own, directory);
    return true;
  } catch (error) {
    fs.rmSync(own, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES'].includes(error.code) && readOwner(directory)) {
      return false;
    }
    if (fs.existsSync(directory)) return false;
    throw error;
  }
}

/** Only one process at a time may remove a dead owner's lock, and only after a second look. */
function removeDead(directory) {
  const guard = `${directory}.takeover`;
  try {
    fs.mkdirSync(guard);
  } catch {
    const age = Date.now() - (fs.statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > GUARD_STALE_MS) fs.rmSync(guard, { recursive: true, force: true });
    return;
  }
  try {
    const owner = readOwner(directory);
    if (owner !== null && !isAlive(owner)) {
      fs.rmSync(directory, { recursive: true, force: true });
    }
  } finally {
    fs.rmSync(guard, { recursive: true, force: true });
  }
}

/** Runs `job` while holding the lock; waits for another live holder first. */
async function withLock(directory, job) {
  const me = `${process.pid} ${startTimeOf(process.pid)}`;
  let told = false;
  while (!tryAcquire(directory, me)) {
    const owner = readOwner(directory);
    if (owner !== null && !isAlive(owner)) removeDead(directory);
    else if (!told && owner !== null) {
      told = true;
      say(`waiting for another setup (process ${owner.split(' ')[0]}) to finish`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  const release = () => {
    if (readOwner(directory) === me) fs.rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', release);
  try {
    return await job();
  } finally {
    release();
    process.off('exit', release);
  }
}

module.exports = { withLock };
