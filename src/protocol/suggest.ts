/** "Did you mean …?": the known word that a misspelt one most likely stands for. */

/** Longer words are not compared: their distance would cost more than the hint is worth. */
const LONGEST = 64;
/** Words further apart than this are different words, however long they are. */
const MOST_EDITS = 4;

/** Letters only, so that `maxCost`, `max-cost` and `MAX_COST` all meet `max_cost`. */
function bare(word: string): string {
  return word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

/** Edits (insert, delete, replace, swap of neighbours) between two words: Damerau–Levenshtein. */
export function distance(a: string, b: string): number {
  const width = b.length + 1;
  let before: number[] = [];
  let above = Array.from({ length: width }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column < width; column += 1) {
      const same = a[row - 1] === b[column - 1];
      let best = Math.min(
        (above[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) best = Math.min(best, (before[column - 2] ?? 0) + 1);
      current.push(best);
    }
    before = above;
    above = current;
  }
  return above[b.length] ?? 0;
}

/** The nearest of `known`, or undefined when none is near enough to be meant. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  const letters = bare(word);
  let nearest: string | undefined;
  let least = Math.min(MOST_EDITS, Math.max(1, Math.floor((word.length + 1) / 2.5))) + 1;
  for (const candidate of known) {
    if (candidate.length > LONGEST || Math.abs(candidate.length - word.length) >= LONGEST / 2) {
      continue;
    }
    const edits =
      letters === bare(candidate) ? 0 : distance(word.toLowerCase(), candidate.toLowerCase());
    if (edits < least) {
      least = edits;
      nearest = candidate;
    }
  }
  return nearest;
}

/** `; did you mean "slots"?`, or nothing. Meant to be appended to a message. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const nearest = suggest(word, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}
