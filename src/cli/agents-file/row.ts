/** One row of a file of agents, as far as it could be read. */

export interface RowFault {
  readonly line: number;
  /** Empty when the row as a whole is meant. */
  readonly column: string;
  readonly message: string;
}

export interface Row {
  /** Where it begins in the file, from 1. */
  readonly line: number;
  /** What is meant to be an AgentRegistration. */
  readonly agent: unknown;
  readonly faults: readonly RowFault[];
}
