/**
 * Schema → check. The yes comes from TypeBox's compiled code; only a no pays for an explanation.
 * Compilation waits for the first use, so that a start does not compile what nobody asks for.
 */
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { type Fault, type FaultList, findFaults, type SchemaNode } from './faults.ts';
import { LIMITS } from './limits.ts';

export interface Check<S extends TSchema> {
  readonly schema: S;
  accepts(value: unknown): value is Static<S>;
  /** Null for a value that fits. */
  explain(value: unknown): FaultList | null;
}

export function checkOf<S extends TSchema>(schema: S): Check<S> {
  let compiled: ReturnType<typeof Compile<S>> | undefined;
  const accepts = (value: unknown): value is Static<S> => {
    compiled ??= Compile(schema);
    return compiled.Check(value);
  };
  return {
    schema,
    accepts,
    explain(value) {
      if (accepts(value)) return null;
      const found = findFaults(schema as SchemaNode, value);
      if (found.total > 0) return found;
      throw new Error('the compiled validator refuses a value that the fault walker accepts');
    },
  };
}

/** Joins the faults of a request's parts, keeping the limit of what is listed. */
export function joinFaults(lists: readonly FaultList[]): FaultList {
  const faults: Fault[] = [];
  let total = 0;
  for (const list of lists) {
    faults.push(...list.faults.slice(0, LIMITS.faults - faults.length));
    total += list.total;
  }
  return { faults, total };
}
