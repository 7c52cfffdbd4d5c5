/** Runs that have found a bug, each with what was wrong. They must stay without a finding. */
import type { Fault } from './plan.ts';

export interface FoundBug {
  readonly seed: number;
  readonly steps: number;
  readonly without?: readonly Fault[];
  readonly bug: string;
}

export const FOUND: readonly FoundBug[] = [
  {
    seed: 5,
    steps: 40,
    bug: 'while its journal could not be written, a host woke up without end for what was due',
  },
  {
    seed: 3,
    steps: 120,
    bug: 'a write that failed under the report of a runner left a rejection that nobody handled',
  },
  {
    seed: 11,
    steps: 60,
    bug: 'a manager that had lost its journal answered reads with what never happened',
  },
  {
    seed: 130,
    steps: 200,
    bug: 'work was not assigned, and ends of leases not pushed, when the next write failed',
  },
  {
    seed: 28,
    steps: 100,
    bug: 'a runner that went while its hello waited was connected for good',
  },
  {
    seed: 169,
    steps: 60,
    bug: 'an agent of an earlier hello was forgotten when a later hello failed, and never away',
  },
  {
    seed: 258,
    steps: 60,
    bug: 'a runner whose hello waited was assigned the work of the runner before it',
  },
  {
    seed: 1238,
    steps: 60,
    bug: 'an agent that had lost slots was given more work for one lease that was taken back',
  },
];
