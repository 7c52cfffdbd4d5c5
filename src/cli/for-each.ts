/** The same call for many ids. One that fails does not keep the others from being tried. */
import type { CliContext } from './context.ts';
import { Failure, ToldFailure } from './failure.ts';

export interface Task<T> {
  readonly json?: boolean;
  /** What the list and each id are called in the document of `--json`. */
  readonly listName: string;
  readonly idName: string;
  readonly one: (id: string) => Promise<T>;
  /** What is said of a success. */
  readonly line: (result: T) => string;
}

export async function forEach<T>(
  { out, signal }: CliContext,
  ids: readonly string[],
  { json, listName, idName, one, line }: Task<T>,
): Promise<void> {
  const results: T[] = [];
  const errors: { readonly [name: string]: unknown }[] = [];
  for (const id of ids) {
    signal.throwIfAborted();
    try {
      const result = await one(id);
      results.push(result);
      if (!json) await out.print(line(result));
    } catch (error) {
      // Without a pool the other ids would only say the same again.
      if (!(error instanceof Failure) || error.document.code === 'UNREACHABLE') throw error;
      const { code, detail } = error.document;
      errors.push({ [idName]: id, code, detail });
      out.note(`remuda: ${id}: ${error.message}`);
    }
  }
  if (json) await out.json({ [listName]: results, errors });
  if (errors.length > 0) throw new ToldFailure();
}
