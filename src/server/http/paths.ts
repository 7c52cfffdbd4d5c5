/** Which methods a path takes: tells a wrong method on a known path from an unknown path. */
import type { Endpoint } from '../../protocol/endpoint.ts';
import { suggest } from '../../protocol/suggest.ts';

export class Paths {
  readonly #templates: readonly { readonly pattern: RegExp; readonly methods: Set<string> }[];
  readonly #paths: readonly string[];

  constructor(endpoints: readonly Endpoint[]) {
    const byPath = Map.groupBy(endpoints, ({ path }) => path);
    this.#paths = [...byPath.keys()];
    this.#templates = [...byPath].map(([path, same]) => {
      const methods = new Set<string>(same.map(({ method }) => method));
      if (same.some(({ method, isStream }) => method === 'GET' && !isStream)) methods.add('HEAD');
      return { pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`), methods };
    });
  }

  /** Sorted; null when no call has this path. */
  methodsOf(path: string): readonly string[] | null {
    const found = this.#templates.filter(({ pattern }) => pattern.test(path));
    if (found.length === 0) return null;
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }

  /** A known path that an unknown one may stand for. */
  suggest(path: string): string | undefined {
    return suggest(path, this.#paths);
  }
}
