/** The files that are written from the schemas. A test holds each to what it is made from. */
import { errorsReference } from '../protocol/errors.ts';
import { openApiDocument } from '../protocol/openapi.ts';
import { socketsReference } from '../protocol/sockets-reference.ts';
import { configFile, configReference } from './config/reference.ts';

export interface ReferenceFile {
  /** Relative to the root of the project. */
  readonly path: string;
  readonly text: string;
}

export function referenceFiles(version: string): readonly ReferenceFile[] {
  return [
    { path: 'config.yaml', text: configFile() },
    { path: 'docs/reference/configuration.md', text: configReference() },
    { path: 'docs/reference/errors.md', text: errorsReference() },
    { path: 'docs/reference/sockets.md', text: socketsReference() },
    { path: 'docs/reference/openapi.json', text: `${jsonText(openApiDocument(version), '', 0)}\n` },
  ];
}

const WIDTH = 100;

/** JSON as the project's formatter leaves it: lists of plain values stay on one line if they fit. */
function jsonText(value: unknown, indent: string, before: number): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const line = lineOf(value);
    // One more for the comma that may follow.
    if (line !== null && indent.length + before + line.length + 1 <= WIDTH) return line;
    const items = value.map((item) => inner + jsonText(item, inner, 0));
    return `[\n${items.join(',\n')}\n${indent}]`;
  }
  const pairs = Object.entries(value).filter(([, child]) => child !== undefined);
  if (pairs.length === 0) return '{}';
  const lines = pairs.map(([key, child]) => {
    const label = `${JSON.stringify(key)}: `;
    return `${inner}${label}${jsonText(child, inner, label.length)}`;
  });
  return `{\n${lines.join(',\n')}\n${indent}}`;
}

/** A list on one line; null if there is an object in it. */
function lineOf(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (!Array.isArray(value)) return null;
  const items = value.map(lineOf);
  return items.includes(null) ? null : `[${items.join(', ')}]`;
}
