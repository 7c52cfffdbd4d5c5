import { expect, onTestFinished, test } from 'vitest';
import type { Job } from './task-jobs.ts';
import { TaskThreads } from './task-threads.ts';

const never = new AbortController().signal;
const count = (text: string): Job => ({ task: 'count', text });
/** A text that is a number is a bug, and ends the thread. */
const BROKEN = { task: 'count', text: 5 } as unknown as Job;

function open(slots: number): TaskThreads {
  const threads = new TaskThreads(slots);
  onTestFinished(() => threads.close());
  return threads;
}

test('each job gets its own result, with more jobs than threads', async () => {
  const threads = open(3);
  const texts = Array.from({ length: 40 }, (_, index) => 'a '.repeat(index));
  const results = await Promise.all(texts.map((text) => threads.run(count(text), never)));
  expect(results.map((result) => (result as { words: number }).words)).toEqual([...texts.keys()]);
});

test('a thread that fails takes only its job with it', async () => {
  const threads = open(1);
  const jobs = [count('a'), BROKEN, count('b'), BROKEN, count('c')];
  const ends = await Promise.allSettled(jobs.map((job) => threads.run(job, never)));
  expect(ends.map(({ status }) => status)).toEqual(
    jobs.map((job) => (job === BROKEN ? 'rejected' : 'fulfilled')),
  );
});

test('a job that nobody waits for any more is not begun', async () => {
  const threads = open(1);
  const gone = new AbortController();
  const first = threads.run(count('a'), never);
  const second = threads.run(count('b'), gone.signal);
  gone.abort();
  await expect(second).rejects.toThrow('nobody waits');
  await expect(first).resolves.toMatchObject({ words: 1 });
});

test('a close ends what runs and what waits', async () => {
  const threads = open(1);
  const jobs = [1, 2].map(() => threads.run(count('a '.repeat(400_000)), never));
  const ends = Promise.allSettled(jobs);
  await threads.close();
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(threads.run(count('a'), never)).rejects.toThrow('stops');
});
