/** The files that are written from the schemas. A test holds each to what it is made from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorsReference } from '../protocol/errors.ts';
import { openApiDocument } from '../protocol/openapi.ts';
import { configFile, configReference } from './config/reference.ts';
import { readVersion } from './version.ts';

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
    {
      path: 'docs/reference/openapi.json',
      text: `${JSON.stringify(openApiDocument(version), null, 2)}\n`,
    },
  ];
}

export function writeReferenceFiles(root: string): void {
  for (const { path, text } of referenceFiles(readVersion())) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
