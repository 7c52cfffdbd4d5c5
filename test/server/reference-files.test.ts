import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { referenceFiles } from '../../src/server/reference-files.ts';
import { readVersion } from '../../src/server/version.ts';

const WRITE =
  "node -e \"import('./src/server/reference-files.ts').then(m => m.writeReferenceFiles('.'))\"; npx biome format --write docs";

describe('files that are written from the schemas', () => {
  test.each(referenceFiles(readVersion()).map((file) => [file.path, file.text] as const))(
    '%s is current',
    (path, text) => {
      const there = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
      const hint = `write it again: ${WRITE}`;
      // The formatter has its own idea of where a line of JSON ends.
      if (path.endsWith('.json')) expect(JSON.parse(there), hint).toEqual(JSON.parse(text));
      else expect(there, hint).toBe(text);
    },
  );
});
