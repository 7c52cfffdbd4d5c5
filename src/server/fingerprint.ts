/** What makes two requests with one idempotency key the same request. */
import { createHash } from 'node:crypto';

/** SHA-256 of the canonical JSON: the order of keys does not count. */
export function fingerprint(body: unknown): string {
  return createHash('sha256').update(canonical(body)).digest('base64url');
}

/** Recursive: the schemas bound how deep a body is (see LIMITS.metadataDepth). */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const pairs = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`);
  return `{${pairs.join(',')}}`;
}
