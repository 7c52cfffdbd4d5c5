/** A configuration as YAML, with the source of each value behind it. */

interface Values {
  readonly [key: string]: unknown;
}

/** `sources` are by path; a path that has none is a section. */
export function configLines(
  values: Values,
  sources: { readonly [path: string]: string },
): string[] {
  const lines: { readonly text: string; readonly source: string }[] = [];
  const visit = (section: Values, steps: readonly string[]): void => {
    for (const [key, value] of Object.entries(section)) {
      const path = [...steps, key].join('.');
      const indent = '  '.repeat(steps.length);
      const source = sources[path];
      if (source === undefined) {
        lines.push({ text: `${indent}${key}:`, source: '' });
        visit(value as Values, [...steps, key]);
      } else if (isMap(value)) {
        lines.push({ text: `${indent}${key}:`, source });
        for (const [name, entry] of Object.entries(value)) {
          lines.push({ text: `${indent}  ${word(name)}: ${flow(entry)}`, source: '' });
        }
      } else lines.push({ text: `${indent}${key}: ${flow(value)}`, source });
    }
  };
  visit(values, []);
  const sourced = lines.filter(({ source }) => source !== '');
  const column = Math.max(...sourced.map(({ text }) => text.length)) + 2;
  return lines.map(({ text, source }) =>
    source === '' ? text : `${text.padEnd(column)}# ${source}`,
  );
}

function isMap(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (isMap(value)) {
    const entries = Object.entries(value).map(([key, entry]) => `${word(key)}: ${flow(entry)}`);
    return `{ ${entries.join(', ')} }`;
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function word(text: string): string {
  return /^[A-Za-z_][\w-]*$/.test(text) ? text : JSON.stringify(text);
}
