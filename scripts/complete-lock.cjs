'use strict';
/**
 * Completes package-lock.json for platforms that this machine's registry cannot describe. npm leaves
 * an optional platform package out of the lock file when it fails to fetch it, and from then on
 * `npm ci` refuses the file everywhere. The name and the exact version say all that npm needs to
 * pass over the package on other platforms. Run it after `npm install`; it changes nothing else.
 */
const fs = require('node:fs');
const path = require('node:path');

const LOCK_FILE = path.resolve(__dirname, '..', 'package-lock.json');

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32'];
const PROCESSORS = [
  [/arm64/, 'arm64'],
  [/arm/, 'arm'],
  [/ia32/, 'ia32'],
  [/ppc64/, 'ppc64'],
  [/riscv64/, 'riscv64'],
  [/s390x/, 's390x'],
  [/x64/, 'x64'],
];

/** Where npm would find `name` from the package at `from`; null when the lock file lacks it. */
function locate(packages, from, name) {
  for (let base = from; ; base = base.slice(0, Math.max(0, base.lastIndexOf('/node_modules/')))) {
    const place = `${base ? `${base}/` : ''}node_modules/${name}`;
    if (place in packages) return place;
    if (!base) return null;
  }
}

/** The lock entry of a platform package, or null when its name does not tell the platform. */
function describe(name, version, parent) {
  const parts = name.split('/').pop();
  const os = SYSTEMS.find((system) => parts.includes(system));
  const cpu = PROCESSORS.find(([pattern]) => pattern.test(parts))?.[1];
  if (!os || !cpu || !/^\d+\.\d+\.\d+$/.test(version)) return null;
  const libc = /musl/.test(parts)
    ? { libc: ['musl'] }
    : /gnu/.test(parts)
      ? { libc: ['glibc'] }
      : {};
  const dev = parent.dev ? { dev: true } : {};
  return {
    version,
    cpu: [cpu],
    ...dev,
    ...libc,
    license: parent.license,
    optional: true,
    os: [os],
  };
}

const lock = JSON.parse(fs.readFileSync(LOCK_FILE, 'utf8'));
let added = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (locate(lock.packages, place, name)) continue;
    const described = describe(name, version, entry);
    if (!described) {
      console.error(`package-lock.json lacks ${name}@${version}, an option of ${place}`);
      process.exitCode = 1;
      continue;
    }
    lock.packages[`node_modules/${name}`] = described;
    added++;
  }
}
if (added > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  fs.writeFileSync(LOCK_FILE, `${JSON.stringify(lock, null, 2)}\n`);
}
console.error(`package-lock.json: ${added} platform packages added`);
