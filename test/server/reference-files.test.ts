/** Written again with `npx vitest run test/server/reference-files.test.ts -u`. */
import { describe, expect, test } from 'vitest';
import { referenceFiles } from '../../src/server/reference-files.ts';
import { readVersion } from '../../src/server/version.ts';

describe('files that are written from the schemas', () => {
  test.each(referenceFiles(readVersion()).map((file) => [file.path, file.text] as const))(
    '%s is current',
    async (path, text) => {
      const file = new URL(`../../${path}`, import.meta.url).pathname;
      await expect(text).toMatchFileSnapshot(file);
    },
  );
});
