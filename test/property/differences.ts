/** Words for people and guesses at waiting times, which only the engine has. */
const IGNORED = new Set(['detail', 'errors', 'etaMs', 'retryAfterMs']);

/** Where two answers first differ, or null. An absent field equals an undefined one. */
export function firstDifference(expected: unknown, actual: unknown, path = ''): string | null {
  if (expected === actual) return null;
  if (isObject(expected) && isObject(actual) && Array.isArray(expected) === Array.isArray(actual)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
      if (IGNORED.has(key)) continue;
      const difference = firstDifference(expected[key], actual[key], `${path}/${key}`);
      if (difference !== null) return difference;
    }
    return null;
  }
  return `${path}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
