import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonErrorPosition } from './json-position.ts';

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

describe('the place where a text stops being JSON', () => {
  test.each([
    ['', 0],
    ['{', 1],
    ['{"a":x}', 5],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['[1]]', 3],
    ["{'a':1}", 1],
    ['{"a":01}', 5],
    ['"abc', 4],
    ['["a\nb"]', 3],
    ['["\\q"]', 2],
    [' \n ]', 3],
    ['1 2', 2],
    ['{"a":1]', 6],
    ['[1}', 2],
    ['[,1]', 1],
    ['{"a":tru}', 5],
  ])('%j: %i', (text, position) => {
    expect(isJson(text)).toBe(false);
    expect(jsonErrorPosition(text)).toBe(position);
  });

  test('what stands before it could have been JSON, and with it nothing can', () => {
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', '"', 'x', '[', ':', '\\', '0'))
      .map(([json, at, insert]) => {
        const cut = at % (json.length + 1);
        return json.slice(0, cut) + insert + json.slice(cut + 1);
      })
      .filter((text) => !isJson(text));
    fc.assert(
      fc.property(broken, (text) => {
        const position = jsonErrorPosition(text);
        expect(position).toBeGreaterThanOrEqual(0);
        expect(position).toBeLessThanOrEqual(text.length);
        // Cut off before the mistake, the only thing wrong is that the text ends too soon.
        expect(jsonErrorPosition(text.slice(0, position))).toBe(position);
      }),
      { numRuns: 2_000 },
    );
  });

  test('does not mind depth', () => {
    expect(jsonErrorPosition('['.repeat(1_000_000))).toBe(1_000_000);
  });
});
