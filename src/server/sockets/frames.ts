/** Frames from the wire: parsed, and checked against the schema that their kind has. */
import type { TSchema } from 'typebox';
import { type FaultList, faultAt } from '../../protocol/faults.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import { type Check, checkOf } from '../../protocol/validate.ts';

export type FrameResult<F> = { readonly frame: F } | { readonly faults: FaultList };

/** Undefined for what is no JSON. */
export function parseFrame(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads frames whose `key` names their schema. */
export class FrameReader<F> {
  readonly #key: string;
  readonly #checks = new Map<unknown, Check<TSchema>>();

  constructor(key: string, schemas: { readonly [kind: string]: TSchema }) {
    this.#key = key;
    for (const [kind, schema] of Object.entries(schemas)) this.#checks.set(kind, checkOf(schema));
  }

  read(value: unknown): FrameResult<F> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return fault([], 'must be an object');
    }
    const kind = (value as { readonly [key: string]: unknown })[this.#key];
    const check = this.#checks.get(kind);
    if (check === undefined) return fault([this.#key], this.#unknown(kind));
    const faults = check.explain(value);
    return faults === null ? { frame: value as F } : { faults };
  }

  #unknown(kind: unknown): string {
    const known = [...this.#checks.keys()] as string[];
    const hint = typeof kind === 'string' ? didYouMean(kind, known) : '';
    if (hint !== '') return `there is no "${kind}"${hint}`;
    return `must be one of ${known.map((each) => `"${each}"`).join(', ')}`;
  }
}

function fault(steps: readonly string[], message: string): { faults: FaultList } {
  return { faults: { faults: [faultAt(steps, message)], total: 1 } };
}
