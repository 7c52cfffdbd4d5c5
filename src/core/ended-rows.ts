/**
 * Rows of ended leases in the order in which they ended: a ring that grows. They can still be read
 * until there are more than `kept`; then the one that ended first is used again for the next lease.
 * More than `kept` can end before anything new begins, so the ring holds as many as there are.
 *
 * Beside each row stands whose the lease was, by name: the rows of both may serve others by now.
 */
export class EndedRows {
  readonly #kept: number;
  /** A power of two long: the `n`th ended row stands at `n & mask`, also once `n` wraps around. */
  #rows: Int32Array = new Int32Array(1024);
  #tenants: string[] = new Array<string>(1024).fill('');
  #agents: string[] = new Array<string>(1024).fill('');
  #mask = 1023;
  #first = 0;
  #count = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  get count(): number {
    return this.#count;
  }

  /** The row to use again after `ahead` others, or -1 while all are to be kept. */
  reusable(ahead: number): number {
    if (this.#count - ahead < this.#kept || ahead >= this.#count) return -1;
    return this.#rows[(this.#first + ahead) & this.#mask];
  }

  /** Returns the number by which the names are asked for. */
  push(row: number, tenant: string, agent: string): number {
    if (this.#count > this.#mask) this.#grow();
    const number = (this.#first + this.#count++) | 0;
    const at = number & this.#mask;
    this.#rows[at] = row;
    this.#tenants[at] = tenant;
    this.#agents[at] = agent;
    return number;
  }

  /** Takes out the row that ended first. */
  shift(): void {
    this.#first = (this.#first + 1) | 0;
    this.#count--;
  }

  tenant(number: number): string {
    return this.#tenants[number & this.#mask];
  }

  agent(number: number): string {
    return this.#agents[number & this.#mask];
  }

  inOrder(): Int32Array {
    return Int32Array.from({ length: this.#count }, (_, i) => {
      return this.#rows[(this.#first + i) & this.#mask];
    });
  }

  #grow(): void {
    const length = (this.#mask + 1) * 2;
    const rows = new Int32Array(length);
    const tenants = new Array<string>(length).fill('');
    const agents = new Array<string>(length).fill('');
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#first + i) & this.#mask;
      const to = (this.#first + i) & (length - 1);
      rows[to] = this.#rows[from];
      tenants[to] = this.#tenants[from];
      agents[to] = this.#agents[from];
    }
    this.#rows = rows;
    this.#tenants = tenants;
    this.#agents = agents;
    this.#mask = length - 1;
  }
}
