import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { count } from './count.ts';
import { sentencesOf } from './sentences.ts';
import { summarize } from './summarize.ts';
import { wordsOf } from './words.ts';

describe('sentences', () => {
  test.each([
    ['', []],
    [' \n\n ', []],
    ['One. Two! Three?', ['One.', 'Two!', 'Three?']],
    ['No end', ['No end']],
    ['Use 3.5 of it, e.g. this one. Then go.', ['Use 3.5 of it, e.g. this one.', 'Then go.']],
    ['He said "Stop." She did.', ['He said "Stop."', 'She did.']],
    ['Wait... What?! Yes…', ['Wait...', 'What?!', 'Yes…']],
    ['A title\n\nA line\nthat goes on.', ['A title', 'A line that goes on.']],
    ['今日は。明日は！', ['今日は。', '明日は！']],
  ])('of %j', (text, sentences) => {
    expect(sentencesOf(text)).toEqual(sentences);
  });

  test('lose nothing but space', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'B', '.', '!', '"', ' ', '\n', '。', '\t'),
    });
    fc.assert(
      fc.property(text, (input) => {
        expect(sentencesOf(input).join('').replace(/\s/g, '')).toBe(input.replace(/\s/g, ''));
      }),
    );
  });
});

describe('words', () => {
  test('are in small letters, with the marks inside them', () => {
    expect(wordsOf("Don’t stop the state-of-the-art 2nd Ärger - 'quoted'.")).toEqual([
      "don't",
      'stop',
      'the',
      'state-of-the-art',
      '2nd',
      'ärger',
      'quoted',
    ]);
    expect(wordsOf('… -- ')).toEqual([]);
  });
});

describe('a summary', () => {
  const TEXT =
    'Horses live in herds. It was raining. A remuda is a herd of horses. Riders take horses from ' +
    'the remuda. The end.';

  test('has the sentences with the frequent words, in their order', () => {
    expect(summarize(TEXT, 2)).toEqual({
      summary: 'A remuda is a herd of horses. Riders take horses from the remuda.',
      kept: 2,
      sentences: 5,
    });
  });

  test('of fewer sentences than were asked for is all of them', () => {
    expect(summarize('One. Two.', 9)).toEqual({ summary: 'One. Two.', kept: 2, sentences: 2 });
    expect(summarize('', 3)).toEqual({ summary: '', kept: 0, sentences: 0 });
  });

  test('words that every text has do not count', () => {
    const text =
      'The the the of of the of. Pools lease agents. The of and the of and. Agents wait.';
    expect(summarize(text, 2).summary).toBe('Pools lease agents. Agents wait.');
    expect(summarize('Don’t don’t don’t. Agents wait.', 1).summary).toBe('Agents wait.');
  });
});

describe('counting', () => {
  test('names the most frequent words, equals by the alphabet', () => {
    expect(count('b a b c! A 𝄞.')).toEqual({
      words: 5,
      sentences: 2,
      characters: 13,
      frequent: [
        { word: 'a', count: 2 },
        { word: 'b', count: 2 },
        { word: 'c', count: 1 },
      ],
    });
    const many = Array.from({ length: 50 }, (_, index) => `w${index}`).join(' ');
    expect(count(many).frequent).toHaveLength(20);
  });
});

/** Each is read in a fraction of a second, or in hours if something is quadratic. */
test.each([
  ['dots', '.'.repeat(1_000_000)],
  ['dots before a letter', `${'.'.repeat(999_999)}x`],
  ['dots apart', '. '.repeat(500_000)],
  ['dots before small letters', '.\n x'.repeat(250_000)],
  ['spaces', ' '.repeat(1_000_000)],
  ['a dot before spaces', `.${' '.repeat(999_000)}x`],
  ['lines', '\n'.repeat(1_000_000)],
  ['lines with spaces', '\n '.repeat(500_000)],
  ['one word', 'a'.repeat(1_000_000)],
  ['one word with hyphens', 'a-'.repeat(500_000)],
  ['marks', 'a\u0301'.repeat(500_000)],
  ['closers', `.${'"'.repeat(999_999)}`],
  ['tiny sentences', 'A. '.repeat(330_000)],
])('a megabyte of %s is read', (_, text) => {
  expect(summarize(text, 100).kept).toBeLessThanOrEqual(100);
  expect(count(text).frequent.length).toBeLessThanOrEqual(20);
});
