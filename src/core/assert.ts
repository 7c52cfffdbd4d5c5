/** A broken invariant is a bug: it stops the pool in production too, before it can do harm. */
class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(`Invariant broken: ${invariant}`);
}
