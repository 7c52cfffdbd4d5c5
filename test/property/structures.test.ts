/** The core's data structures, each beside the plainest thing that does the same. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Answers } from '../../src/core/answers.ts';
import { Bitset } from '../../src/core/bitset.ts';
import { ANSWER_KEPT_MS } from '../../src/core/limits.ts';
import { Names } from '../../src/core/names.ts';
import { RankedList } from '../../src/core/ranked-list.ts';
import { TimingWheel } from '../../src/core/timing-wheel.ts';
import { numberOfRuns, START } from './scripts.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

test('a bitset is a sorted set', () => {
  const capacity = fc.constantFrom(1, 31, 32, 33, 1_024, 1_025, 40_000);
  const step = fc.record({
    add: fc.boolean(),
    at: fc.double({ min: 0, max: 0.9999, noNaN: true }),
  });
  fc.assert(
    fc.property(capacity, fc.array(step, { maxLength: 80, size: 'max' }), (size, steps) => {
      const bits = new Bitset(size);
      const plain = new Set<number>();
      for (const { add, at } of steps) {
        const member = Math.floor(at * size);
        if (add) {
          bits.add(member);
          plain.add(member);
        } else {
          bits.delete(member);
          plain.delete(member);
        }
        const sorted = [...plain].sort((a, b) => a - b);
        const walked: number[] = [];
        for (let next = bits.first(); next !== -1; next = bits.after(next)) walked.push(next);
        expect(walked).toEqual(sorted);
        expect(bits.isEmpty).toBe(sorted.length === 0);
        expect(bits.has(member)).toBe(add);
        const after = sorted.find((other) => other > member) ?? -1;
        expect(bits.after(member)).toBe(after);
      }
    }),
    { numRuns: numberOfRuns(300) },
  );
});

const delay = fc.oneof(
  fc.nat(200),
  fc.nat(5 * MINUTE),
  fc.nat(3 * DAY),
  fc.constantFrom(-1_000, 0, 1, 63, 64, 65, 2_047, 2_048, 65_536, 400 * DAY, 30 * 365 * DAY),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
);
const wheelStep = fc.oneof(
  { weight: 5, arbitrary: fc.record({ arm: fc.nat(150), after: delay }) },
  { weight: 1, arbitrary: fc.record({ disarm: fc.nat(150) }) },
  { weight: 2, arbitrary: fc.record({ wait: delay, rearm: fc.array(delay, { maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.constant({ next: true }) },
);

test('a timing wheel is a sorted list of deadlines', () => {
  const start: fc.Arbitrary<number> = fc.constantFrom(0, 1, START);
  fc.assert(
    fc.property(start, fc.array(wheelStep, { maxLength: 60, size: 'max' }), (from, steps) => {
      const wheel = new TimingWheel();
      const plain = new Map<number, number>();
      let now = from;
      const arm = (row: number, at: number) => {
        wheel.arm(row, at);
        plain.set(row, Math.min(plain.get(row) ?? Number.POSITIVE_INFINITY, at));
      };
      const advance = (to: number, again: readonly number[]) => {
        now = Math.max(now, to);
        const due = [...plain].filter(([, at]) => at <= now);
        due.sort(([rowA, a], [rowB, b]) => a - b || rowA - rowB);
        for (const [row] of due) plain.delete(row);
        const fired: number[] = [];
        wheel.advance(now, (row) => {
          const deadline = plain.get(row);
          if (deadline !== undefined) {
            // Looked at before its time.
            expect(deadline).toBeGreaterThan(now);
            wheel.arm(row, deadline);
            return;
          }
          // What has fired may be armed again for any later time.
          const later = again[fired.length];
          fired.push(row);
          if (later !== undefined && later >= 1) arm(row, now + later);
        });
        expect(fired).toEqual(due.map(([row]) => row));
      };
      const agree = () => {
        const earliest = Math.min(...plain.values());
        expect(wheel.armed).toBe(plain.size);
        expect(wheel.nextAt).toBeLessThanOrEqual(earliest);
        for (const [row, at] of plain) expect(wheel.armedAt(row)).toBe(at);
        if (plain.size === 0) expect(wheel.armedAt(0)).toBe(Number.POSITIVE_INFINITY);
      };
      for (const each of steps) {
        if ('arm' in each) arm(each.arm, now + each.after);
        else if ('disarm' in each) {
          wheel.disarm(each.disarm);
          plain.delete(each.disarm);
        } else if ('wait' in each) advance(now + Math.max(0, each.wait), each.rearm);
        else if (wheel.nextAt !== Number.POSITIVE_INFINITY) advance(wheel.nextAt, []);
        agree();
      }
      // Going from one announced time to the next ends: few of them are for nothing.
      for (let turns = 0; plain.size > 0; turns++) {
        expect(turns).toBeLessThan(8 * 200);
        advance(wheel.nextAt, []);
        agree();
      }
      expect(wheel.nextAt === Number.POSITIVE_INFINITY || wheel.armed === 0).toBe(true);
    }),
    { numRuns: numberOfRuns(1_000) },
  );
});

test('a ranked list is a sorted array', () => {
  const step = fc.record({ member: fc.nat(3_000), rank: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.boolean(), (steps, large) => {
      const ranks = new Map<number, number>();
      const before = (a: number, b: number) => {
        const more = (ranks.get(a) as number) - (ranks.get(b) as number);
        return more !== 0 ? more < 0 : a < b;
      };
      const list = new RankedList(before);
      const plain: number[] = [];
      const add = (member: number, rank: number) => {
        if (plain.includes(member)) {
          expect(list.delete(member)).toBe(true);
          plain.splice(plain.indexOf(member), 1);
          return;
        }
        ranks.set(member, rank);
        expect(list.delete(member)).toBe(false);
        list.add(member);
        plain.push(member);
      };
      // Blocks split only in long lists.
      for (let i = 0; large && i < 1_300; i++) add((i * 7_919) % 1_301, i % 40);
      for (const { member, rank } of steps) {
        add(member, rank);
        plain.sort((a, b) => (before(a, b) ? -1 : 1));
        expect(list.size).toBe(plain.length);
        expect(list.first()).toBe(plain[0] ?? -1);
        if (plain.includes(member)) expect(list.rank(member)).toBe(plain.indexOf(member));
      }
      expect([...list]).toEqual(plain.sort((a, b) => (before(a, b) ? -1 : 1)));
    }),
    { numRuns: numberOfRuns(100) },
  );
});

test('names are a map with the smallest memory', () => {
  const name = fc.oneof(
    fc.nat(60).map((n) => `agent-${n}`),
    fc.constantFrom('', 'é', '𝄞', '__proto__', 'a', '\u0000'),
  );
  const step = fc.record({ add: fc.boolean(), name });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), fc.boolean(), (steps, reload) => {
      let names = new Names();
      const plain = new Map<string, number>();
      const free: number[] = [];
      let end = 0;
      steps.forEach((each, i) => {
        const known = plain.get(each.name);
        expect(names.find(each.name)).toBe(known ?? -1);
        if (each.add) {
          const index = known ?? free.pop() ?? end++;
          expect(names.add(each.name)).toBe(index);
          plain.set(each.name, index);
        } else if (known !== undefined) {
          names.remove(known);
          plain.delete(each.name);
          free.push(known);
        }
        expect([names.size, names.end]).toEqual([plain.size, end]);
        if (!reload || i % 40 !== 39) return;
        const { names: listed, free: freed } = names.dump();
        const copy = new Names();
        copy.load([...listed], [...freed]);
        names = copy;
      });
      for (const [text, index] of plain) {
        expect([names.find(text), names.name(index), names.has(index)]).toEqual([
          index,
          text,
          true,
        ]);
      }
      for (const index of free) expect(names.has(index)).toBe(false);
    }),
    { numRuns: numberOfRuns(300) },
  );
});

test('names find each other among very many', () => {
  const names = new Names();
  const id = (i: number) => `tenant-${(i * 2_654_435_761) % 4_294_967_296}`;
  for (let i = 0; i < 60_000; i++) expect(names.add(id(i))).toBe(i);
  for (let i = 0; i < 60_000; i += 3) names.remove(i);
  for (let i = 0; i < 60_000; i++) expect(names.find(id(i))).toBe(i % 3 === 0 ? -1 : i);
  expect(names.size).toBe(40_000);
});

test('answers are found for 24 hours, each by its newest', () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    after: fc.constantFrom(0, 1, MINUTE, ANSWER_KEPT_MS / 2, ANSWER_KEPT_MS - 1, ANSWER_KEPT_MS),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const answers = new Answers();
      const plain = new Map<string, { at: number; fingerprint: string }>();
      let now = START;
      steps.forEach(({ key, after }, i) => {
        now += after;
        for (const each of ['a', 'b', 'c', 'd', 'e']) {
          const known = plain.get(each);
          const fresh = known !== undefined && now - known.at < ANSWER_KEPT_MS ? known : undefined;
          expect(answers.find(each, now)?.fingerprint).toBe(fresh?.fingerprint);
        }
        const answer = { key, fingerprint: `f${i}`, at: now };
        answers.keep({ ...answer, outcome: { outcome: 'granted' } as never });
        plain.set(key, answer);
      });
      const kept = answers.all().map(({ fingerprint }) => fingerprint);
      const fresh = [...plain.values()].filter(({ at }) => now - at < ANSWER_KEPT_MS);
      expect(kept).toEqual(expect.arrayContaining(fresh.map(({ fingerprint }) => fingerprint)));
    }),
    { numRuns: numberOfRuns(300) },
  );
});
