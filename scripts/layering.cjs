'use strict';
/**
 * The tree is the architecture, and this check makes it an error to leave it:
 * - a room of src/ imports only the rooms that the table allows;
 * - src/core is pure: same commands, same state, same bytes;
 * - a source file keeps to a readable length.
 * Test files are exempt: they may stand anywhere and use anything.
 */
const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '..');
const SOURCE = path.join(ROOT, 'src');

/** Which rooms a room may import. The tsconfig references of the rooms say the same. */
const ALLOWED = {
  core: [],
  agent: [],
  protocol: ['core'],
  host: ['core'],
  adapters: ['host', 'core'],
  sim: ['core', 'host', 'adapters'],
  // The reference agent is a program that the server starts; nothing of it is called.
  server: ['host', 'adapters', 'protocol', 'core', 'agent'],
  sdk: ['protocol'],
  discord: ['sdk', 'protocol'],
  dashboard: ['sdk', 'protocol'],
  cli: ['server', 'sim', 'host', 'adapters', 'protocol', 'core'],
};

const MAX_LINES = 500;

const NOW = 'take `now` from the command';
const SEED = 'draw from the seeded generator that the command carries';
const DEADLINE = 'set a deadline in the timing wheel';
const EVENT = 'return an event or an effect and let the host act on it';
const SYNCHRONOUS = 'decide synchronously; waiting is the work of the host';

/** What src/core may not say, and what it says instead. */
const IMPURE = [
  [/\bDate\s*\.\s*now\b/, 'Date.now', NOW],
  [/\bnew\s+Date\b/, 'new Date', NOW],
  [/(?<![\w$.]|new )Date\s*\(/, 'Date()', NOW],
  [/(?<![\w$.])performance\s*\./, 'performance', NOW],
  [/\bMath\s*\.\s*random\b/, 'Math.random', SEED],
  [/(?<![\w$.])crypto\s*\./, 'crypto', SEED],
  [
    /(?<![\w$.])(setTimeout|setInterval|setImmediate|queueMicrotask)\b/,
    'a timer or a microtask',
    DEADLINE,
  ],
  [/(?<![\w$.])process\s*\./, 'process', 'take it as configuration from the host'],
  [/(?<![\w$.])globalThis\b/, 'globalThis', 'pass the value in'],
  [/(?<![\w$.])console\s*\./, 'console', EVENT],
  [/(?<![\w$.])fetch\s*\(/, 'fetch', EVENT],
  [/(?<![\w$.])async\b(?!\s*[:?=,;)}\]])/, 'async', SYNCHRONOUS],
  [/(?<![\w$.])await\b(?!\s*[:?=,;)}\]])/, 'await', SYNCHRONOUS],
  [/(?<![\w$.])Promise\b/, 'Promise', SYNCHRONOUS],
  [
    /(?<![\w$.])Intl\b|\.\s*(localeCompare|toLocale\w+)\b/,
    "the machine's locale",
    'compare with < and >; format at the edge',
  ],
];

const IMPORT =
  /\b(?:from|import|require)\s*\(?\s*(['"`])([^'"`\n]+)\1|\bnew\s+URL\(\s*(['"`])([^'"`\n]+)\3\s*,\s*import\.meta\.url/g;

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(?:^|[(,=:[!&|?{};+\-*%~^<>\n]|\b(?:return|typeof|case|in|of|void|do|else))\s*$/;

/** Where a literal or comment that starts at `start` ends (exclusive). */
function endOfToken(text, start, kind) {
  if (kind === 'line') {
    const end = text.indexOf('\n', start);
    return end < 0 ? text.length : end;
  }
  if (kind === 'block') {
    const end = text.indexOf('*/', start + 2);
    return end < 0 ? text.length : end + 2;
  }
  let inClass = false;
  for (let i = start + 1; i < text.length; i++) {
    const c = text[i];
    if (c === '\\') i++;
    else if (kind === '/' && c === '[') inClass = true;
    else if (kind === '/' && c === ']') inClass = false;
    else if (c === kind && !inClass) return i + 1;
    else if (c === '\n' && kind !== '`') return i;
  }
  return text.length;
}

/**
 * Two copies of the text with the same positions: one without comments, one without the contents of
 * strings, too. Rough on purpose: code inside `${…}` counts as string.
 */
function blank(text) {
  let code = '';
  let bare = '';
  for (let i = 0; i < text.length; ) {
    const two = text.slice(i, i + 2);
    const c = text[i];
    let kind = null;
    if (two === '//') kind = 'line';
    else if (two === '/*') kind = 'block';
    else if (c === "'" || c === '"' || c === '`') kind = c;
    else if (c === '/' && BEFORE_REGEX.test(bare.slice(-40))) kind = '/';
    if (kind === null) {
      code += c;
      bare += c;
      i++;
      continue;
    }
    const token = text.slice(i, endOfToken(text, i, kind));
    const spaces = token.replace(/[^\n]/g, ' ');
    const isComment = kind === 'line' || kind === 'block';
    code += isComment ? spaces : token;
    bare += isComment ? spaces : c + spaces.slice(1, -1) + (token.length > 1 ? c : '');
    i += token.length;
  }
  return { code, bare };
}

const lineAt = (text, index) => text.slice(0, index).split('\n').length;

/** What is wrong with an import, or null. */
function judgeImport(room, file, specifier) {
  const allowed = ALLOWED[room];
  if (!specifier.startsWith('.')) {
    if (specifier === 'remuda' || specifier.startsWith('remuda/')) {
      return `imports "${specifier}"; inside the project use a relative path`;
    }
    if (room !== 'core') return null;
    return `imports "${specifier}"; core imports nothing: the host passes in what it needs`;
  }
  const target = path.relative(SOURCE, path.resolve(path.dirname(file), specifier));
  if (target.startsWith('..')) {
    const isPackageJson = path.resolve(SOURCE, target) === path.join(ROOT, 'package.json');
    return isPackageJson && room !== 'core' ? null : `imports "${specifier}" from outside src/`;
  }
  if (/\.test(\.\w+)?$/.test(target)) return `imports a test, "${specifier}"`;
  const targetRoom = target.split(path.sep)[0];
  if (targetRoom === room || allowed.includes(targetRoom)) return null;
  const list = allowed.length === 0 ? 'nothing' : allowed.join(', ');
  return `imports "${specifier}"; ${room} may import ${list}`;
}

/** All faults of one file as `{ line, message }`. */
function judgeFile(file, text) {
  const faults = [];
  const room = path.relative(SOURCE, file).split(path.sep)[0];
  if (!(room in ALLOWED)) {
    return [{ line: 1, message: `src/${room} is not a room; add it to scripts/layering.cjs` }];
  }
  const { code, bare } = blank(text);
  for (const match of code.matchAll(IMPORT)) {
    // A word inside a string is not an import: the keyword must survive without strings.
    if (bare[match.index] !== code[match.index]) continue;
    const message = judgeImport(room, file, match[2] ?? match[4]);
    if (message) faults.push({ line: lineAt(code, match.index), message });
  }
  if (room === 'core') {
    for (const [pattern, what, instead] of IMPURE) {
      for (const match of bare.matchAll(new RegExp(pattern, 'g'))) {
        const message = `core is pure, without ${what}: ${instead}`;
        faults.push({ line: lineAt(bare, match.index), message });
      }
    }
  }
  const lines = text.replace(/\n$/, '').split('\n').length;
  if (lines > MAX_LINES) {
    const message = `${lines} lines, over ${MAX_LINES}; split it by the ideas that it holds`;
    faults.push({ line: MAX_LINES + 1, message });
  }
  return faults;
}

function listSources(directory) {
  return fs.readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) return listSources(file);
    return /\.[cm]?tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name) ? [file] : [];
  });
}

function main() {
  let faults = 0;
  for (const file of fs.existsSync(SOURCE) ? listSources(SOURCE).sort() : []) {
    const found = judgeFile(file, fs.readFileSync(file, 'utf8')).sort((a, b) => a.line - b.line);
    for (const { line, message } of found) {
      console.log(`${path.relative(ROOT, file)}:${line} ${message}`);
      faults++;
    }
  }
  if (faults > 0) {
    console.log(`${faults} fault${faults === 1 ? '' : 's'} of layering`);
    process.exitCode = 1;
  }
}

if (require.main === module) main();

module.exports = { judgeFile };
