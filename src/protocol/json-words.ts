/** Values as words, for messages: what a value is, and what it looks like, shortened. */

/** A client may send a megabyte where a name belongs; no message repeats more than this of it. */
const SHOWN = 40;

export function shorten(text: string, longest: number = SHOWN): string {
  const points = [...text.slice(0, longest * 2 + 2)];
  if (points.length <= longest && text.length <= longest * 2) return text;
  return `${points.slice(0, longest).join('')}…`;
}

/** A string as JSON writes it (control characters escaped), shortened. */
export function quote(text: string, longest: number = SHOWN): string {
  return JSON.stringify(shorten(text, longest).toWellFormed());
}

/** `the number 5`, `the text "x"`, `an array`: what was found where something else belongs. */
export function whatIs(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return `the text ${quote(value)}`;
    case 'number':
      return `the number ${value}`;
    case 'boolean':
      return `${value}`;
    default:
      return 'an object';
  }
}

export function listWords(words: readonly string[]): string {
  if (words.length <= 1) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** One step of a JSON pointer (RFC 6901). Long keys are shortened: a pointer is for people too. */
export function pointerStep(key: string | number): string {
  if (typeof key === 'number') return `/${key}`;
  return `/${shorten(key.toWellFormed(), 80).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
