/**
 * Rows of ended leases in the order in which they ended: a ring that grows. They can still be read
 * until there are more than `kept`; then the one that ended first is used again for the next lease.
 * More than `kept` can end before anything new begins, so the ring holds as many as there are.
 */
export class EndedRows {
  readonly #kept: number;
  #ring: Int32Array = new Int32Array(1024);
  #from = 0;
  #count = 0;

  constructor(kept: number) {
    this.#kept = kept;
  }

  get count(): number {
    return this.#count;
  }

  /** The row to use again, or -1 while all are to be kept. */
  get reusable(): number {
    return this.#count >= this.#kept ? this.#ring[this.#from] : -1;
  }

  push(row: number): void {
    if (this.#count === this.#ring.length) this.#grow();
    this.#ring[(this.#from + this.#count) % this.#ring.length] = row;
    this.#count++;
  }

  /** Takes out the row that ended first. */
  shift(): void {
    this.#from = (this.#from + 1) % this.#ring.length;
    this.#count--;
  }

  inOrder(): Int32Array {
    const rows = new Int32Array(this.#count);
    for (let i = 0; i < rows.length; i++)
      rows[i] = this.#ring[(this.#from + i) % this.#ring.length];
    return rows;
  }

  #grow(): void {
    const ring = new Int32Array(this.#ring.length * 2);
    ring.set(this.inOrder());
    this.#ring = ring;
    this.#from = 0;
  }
}
