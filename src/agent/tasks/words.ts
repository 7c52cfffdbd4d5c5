/** Words of a text, in small letters. */

const WORD = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*(?:['-][\p{L}\p{N}][\p{L}\p{N}\p{M}]*)*/gu;

export function wordsOf(text: string): readonly string[] {
  // Typeset or typed, an apostrophe makes the same word.
  return text.toLowerCase().replaceAll('’', "'").match(WORD) ?? [];
}

export function countEach(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** English words that say nothing about what a text is about. */
export const STOP_WORDS: ReadonlySet<string> = new Set(
  `a about above after again against all also am an and any are aren't as at be because been before
  being below between both but by can can't cannot could couldn't did didn't do does doesn't doing
  don't down during each few for from further had has hasn't have haven't having he her here hers
  herself him himself his how i i'm if in into is isn't it it's its itself just let me more most my
  myself no nor not now of off on once only or other our ours ourselves out over own same she should
  shouldn't so some such than that that's the their theirs them themselves then there these they
  this those through to too under until up upon very was wasn't we were weren't what when where
  which while who whom why will with won't would wouldn't you your yours yourself yourselves`.split(
    /\s+/,
  ),
);
