/** What a page or a bot downloads: the SDK is small, and brings nothing along. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const KB = 1_000;
const entry = (name: string) => fileURLToPath(new URL(`../../src/sdk/${name}`, import.meta.url));

test.each([
  ['client.ts', 24 * KB],
  ['agent.ts', 20 * KB],
])('%s is small, and needs nothing but itself', async (name, most) => {
  const bundle = await rolldown({ input: entry(name), platform: 'neutral' });
  const { output } = await bundle.generate({ format: 'esm', minify: true });
  await bundle.close();
  expect(output).toHaveLength(1);
  const [chunk] = output;
  expect(chunk.imports).toEqual([]);
  expect(chunk.dynamicImports).toEqual([]);
  const modules = Object.keys(chunk.modules).filter((id) => !id.includes('/src/sdk/'));
  expect(modules).toEqual([]);
  const { length } = chunk.code;
  console.log(`${name}: ${length} bytes minified, ${gzipSync(chunk.code).length} gzipped`);
  expect(length).toBeLessThan(most);
});
