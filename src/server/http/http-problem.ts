import type { Problem } from '../../protocol/problem.ts';

/** A call that ends with a problem, thrown where returning one would be awkward. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}
