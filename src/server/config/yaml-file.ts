/** A YAML file as a value, every fault of its syntax, and the place of each key in it. */
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { shorten } from '../../protocol/json-words.ts';
import type { ConfigFault } from './config-fault.ts';

export interface YamlFile {
  /** Undefined when the syntax leaves no value that could be trusted, or the file is empty. */
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
  /** `config.yaml:12:5` of a value, or of its key; of the nearest parent if it is not in the file. */
  place(steps: readonly (string | number)[], of: 'key' | 'value'): string;
  has(steps: readonly (string | number)[]): boolean;
}

/** A key that is given twice is a fault, but the rest of the file can still be judged. */
const HARMLESS: ReadonlySet<string> = new Set(['DUPLICATE_KEY']);

/** Guards against a file whose aliases unfold into billions of nodes. */
const MAX_ALIASES = 100;

export function readYaml(name: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const problems = [...document.errors, ...document.warnings];
  const faults = problems.map((problem): ConfigFault => {
    const [from] = problem.pos;
    const key = /^[^\s:,{}]+/.exec(text.slice(from))?.[0];
    const isTwice = problem.code === 'DUPLICATE_KEY' && key !== undefined;
    const message = isTwice ? `the key ${shorten(key)} is given twice` : firstLine(problem.message);
    return { source: at(from), path: '', message };
  });
  let value: unknown;
  if (problems.every(({ code }) => HARMLESS.has(code))) {
    try {
      value = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? undefined;
    } catch (error) {
      faults.push({ source: `${name}:1:1`, path: '', message: firstLine(String(error)) });
    }
  }
  return {
    value,
    faults,
    place: (steps, of) => at(offsetOf(document, steps, of)),
    has: (steps) => document.hasIn(steps),
  };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text;
}

function offsetOf(
  document: Document.Parsed,
  steps: readonly (string | number)[],
  of: 'key' | 'value',
): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const [index, step] of steps.entries()) {
    const isLast = index === steps.length - 1;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === step);
      if (!pair) break;
      const { key, value } = pair as { key: RangedNode; value: RangedNode };
      offset = (isLast && of === 'key' ? startOf(key) : (startOf(value) ?? startOf(key))) ?? offset;
      node = value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = startOf(node as RangedNode) ?? offset;
    } else break;
  }
  return offset;
}

type RangedNode = { readonly range?: readonly number[] | null } | null | undefined;

function startOf(node: RangedNode): number | undefined {
  return node?.range?.[0];
}
