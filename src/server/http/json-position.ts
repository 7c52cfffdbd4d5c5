/**
 * Where a text stops being JSON. V8 tells the position for some mistakes only; this scanner reads
 * the text once more, without recursion, and is used for texts that are known to be wrong.
 */

const WORD = /[-+.\w]+/y;
const LITERAL = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SPACE = ' ';

type Expected = 'value' | 'key' | 'colon' | 'after' | 'value or ]' | 'key or }';

/** The offset of the first character that cannot be there; the length if the end comes too soon. */
export function jsonErrorPosition(text: string): number {
  const open: string[] = [];
  let expected: Expected = 'value';
  let at = 0;
  while (at < text.length) {
    const start = at;
    const char = text[at] ?? '';
    if (' \t\n\r'.includes(char)) {
      at += 1;
      continue;
    }
    const isMark = '[]{},:'.includes(char);
    if (isMark) at += 1;
    else if (char === '"') {
      const end = stringEnd(text, at);
      if (end.wrong) return end.at;
      at = end.at;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0] ?? '';
      if (!LITERAL.test(word)) return at;
      at += word.length;
    }
    const next = step(expected, open, isMark ? char : undefined, char === '"');
    if (next === null) return start;
    expected = next;
  }
  return text.length;
}

/** Behind the closing quote, or at the character that no string can hold. */
function stringEnd(text: string, from: number): { at: number; wrong: boolean } {
  let at = from + 1;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === '"') return { at: at + 1, wrong: false };
    if (char < SPACE) return { at, wrong: true };
    if (char === '\\') {
      ESCAPE.lastIndex = at;
      const escaped = ESCAPE.exec(text);
      if (!escaped) return { at, wrong: true };
      at += escaped[0].length;
    } else at += 1;
  }
  return { at, wrong: true };
}

/** What may follow this token, or null if the token itself may not stand here. */
function step(
  expected: Expected,
  open: string[],
  mark: string | undefined,
  isString: boolean,
): Expected | null {
  if (mark === undefined) {
    if (isString && (expected === 'key' || expected === 'key or }')) return 'colon';
    return expected === 'value' || expected === 'value or ]' ? 'after' : null;
  }
  const inObject = open.at(-1) === '{';
  const canClose =
    expected === 'after' || (mark === ']' ? expected === 'value or ]' : expected === 'key or }');
  switch (mark) {
    case ':':
      return expected === 'colon' ? 'value' : null;
    case ',':
      if (expected !== 'after' || open.length === 0) return null;
      return inObject ? 'key' : 'value';
    case '{':
    case '[':
      if (expected !== 'value' && expected !== 'value or ]') return null;
      open.push(mark);
      return mark === '{' ? 'key or }' : 'value or ]';
    default:
      if (!canClose || open.length === 0 || inObject !== (mark === '}')) return null;
      open.pop();
      return 'after';
  }
}
