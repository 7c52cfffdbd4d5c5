import { LIMITS } from '../limits.ts';
import { sentencesOf } from './sentences.ts';
import { countEach, wordsOf } from './words.ts';

export interface Counts {
  readonly words: number;
  readonly sentences: number;
  /** As a person counts them: code points, not UTF-16 units. */
  readonly characters: number;
  /** The most frequent first; equals by the alphabet. */
  readonly frequent: readonly { readonly word: string; readonly count: number }[];
}

export function count(text: string): Counts {
  const words = wordsOf(text);
  let characters = 0;
  for (const _ of text) characters += 1;
  const frequent = [...countEach(words)]
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    .slice(0, LIMITS.frequentWords)
    .map(([word, times]) => ({ word, count: times }));
  return { words: words.length, sentences: sentencesOf(text).length, characters, frequent };
}
