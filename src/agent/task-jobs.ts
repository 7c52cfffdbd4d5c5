/** The work that takes processor time. Runs in a thread; see task-threads.ts. */
import { count } from './tasks/count.ts';
import { search } from './tasks/search.ts';
import { summarize } from './tasks/summarize.ts';

export type Job =
  | { readonly task: 'summarize'; readonly text: string; readonly sentences: number }
  | { readonly task: 'count'; readonly text: string }
  | {
      readonly task: 'search';
      readonly root: string;
      readonly query: string;
      readonly path: string;
    };

/** What `runJob` gives for the same task; null where there is no such path to search. */
export function runJob(job: Job): object | null {
  switch (job.task) {
    case 'summarize':
      return summarize(job.text, job.sentences);
    case 'count':
      return count(job.text);
    case 'search':
      return search(job.root, job.query, job.path);
  }
}
