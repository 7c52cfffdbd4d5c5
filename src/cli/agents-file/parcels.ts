/** Rows put together into calls, each within what the pool takes at once. */
import { LIMITS } from '../../protocol/limits.ts';

export interface Parcel {
  /** The body of the call: a JSON array. */
  readonly text: string;
  /** The line of each of its agents. */
  readonly lines: readonly number[];
}

/** Room for the brackets, and for a limit that counts a little differently. */
const MOST_BYTES = LIMITS.registrationBodyBytes - 1_024;

export class Parcels {
  readonly #parcels: Parcel[] = [];
  #texts: string[] = [];
  #lines: number[] = [];
  #bytes = 0;

  add(line: number, agent: unknown): void {
    const text = JSON.stringify(agent);
    const bytes = Buffer.byteLength(text) + 1;
    if (this.#texts.length === LIMITS.agentsPerCall || this.#bytes + bytes > MOST_BYTES) {
      this.#close();
    }
    this.#texts.push(text);
    this.#lines.push(line);
    this.#bytes += bytes;
  }

  done(): readonly Parcel[] {
    if (this.#texts.length > 0) this.#close();
    return this.#parcels;
  }

  #close(): void {
    this.#parcels.push({ text: `[${this.#texts.join(',')}]`, lines: this.#lines });
    this.#texts = [];
    this.#lines = [];
    this.#bytes = 0;
  }
}
