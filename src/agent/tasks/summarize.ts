/**
 * An extractive summary: the sentences whose words are the most frequent ones of the text, in their
 * own order (after Luhn, "The automatic creation of literature abstracts", 1958).
 */
import { sentencesOf } from './sentences.ts';
import { countEach, STOP_WORDS, wordsOf } from './words.ts';

export interface Summary {
  readonly summary: string;
  /** How many sentences it has. */
  readonly kept: number;
  /** How many the text has. */
  readonly sentences: number;
}

export function summarize(text: string, count: number): Summary {
  const sentences = sentencesOf(text);
  const wordLists = sentences.map((sentence) => wordsOf(sentence).filter(isTelling));
  const frequency = countEach(wordLists.flat());
  const best = wordLists
    .map((words, index) => ({ index, score: scoreOf(words, frequency) }))
    .sort((a, b) => b.score - a.score || a.index - b.index)
    .slice(0, count)
    .sort((a, b) => a.index - b.index);
  const summary = best.map(({ index }) => sentences[index]).join(' ');
  return { summary, kept: best.length, sentences: sentences.length };
}

function isTelling(word: string): boolean {
  return !STOP_WORDS.has(word);
}

/** A sum alone would prefer the longest sentences, a mean alone those of a single word. */
function scoreOf(words: readonly string[], frequency: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const word of words) sum += frequency.get(word) ?? 0;
  return words.length === 0 ? 0 : sum / Math.sqrt(words.length);
}
