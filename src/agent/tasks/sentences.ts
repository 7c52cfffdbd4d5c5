/**
 * Sentences of a text. One ends with ".", "!", "?" or "…" before a space that no small letter
 * follows ("e.g. this" goes on), with the marks of Chinese and Japanese, or with an empty line.
 * Read character by character: a regular expression would be quadratic in a row of dots.
 */

const ENDS = '.!?…';
const ENDS_WITHOUT_SPACE = '。！？';
const CLOSERS = '"\'”’»)]';
const SPACE = /\s/;
const SMALL_LETTER = /\p{Ll}/u;

export function sentencesOf(text: string): readonly string[] {
  const sentences: string[] = [];
  let start = 0;
  const cut = (end: number): void => {
    const sentence = text.slice(start, end).replace(/\s+/g, ' ').trim();
    if (sentence !== '') sentences.push(sentence);
    start = end;
  };
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at);
    if (char === '\n') {
      const next = skip(text, at, (c) => SPACE.test(c));
      if (text.slice(at + 1, next).includes('\n')) cut(next);
      at = next;
    } else if (ENDS_WITHOUT_SPACE.includes(char)) {
      at = skip(text, at, (c) => ENDS_WITHOUT_SPACE.includes(c) || CLOSERS.includes(c));
      cut(at);
    } else if (ENDS.includes(char)) {
      at = skip(text, at, (c) => ENDS.includes(c));
      at = skip(text, at, (c) => CLOSERS.includes(c));
      if (endsHere(text, at)) cut(at);
    } else at += 1;
  }
  cut(text.length);
  return sentences;
}

/** The first position from `at` on whose character is not one of these. */
function skip(text: string, at: number, isOne: (char: string) => boolean): number {
  let end = at;
  while (end < text.length && isOne(text.charAt(end))) end += 1;
  return end;
}

/** Does a sentence end before this position? */
function endsHere(text: string, at: number): boolean {
  if (at >= text.length) return true;
  if (!SPACE.test(text.charAt(at))) return false;
  const next = skip(text, at, (c) => SPACE.test(c));
  return !SMALL_LETTER.test(text.charAt(next));
}
