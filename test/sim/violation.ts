/** What must always hold did not: the first such thing ends a run. */
export interface Violation {
  /** Short and stable: runs that fail for the same reason have the same one. */
  readonly invariant: string;
  readonly detail: string;
}

export class Violations {
  first: Violation | null = null;

  add(invariant: string, detail: string): void {
    this.first ??= { invariant, detail };
  }

  /** `detail` is only made where it is needed. */
  check(holds: boolean, invariant: string, detail: () => string): void {
    if (!holds) this.add(invariant, detail());
  }
}
