/**
 * The requirements that leases were granted for, by number: leases are rows of numbers, and the
 * cache of requirements (profiles.ts) may have forgotten one that a lease still has.
 */
import type { Requirement } from './profiles.ts';

export class HeldRequirements {
  readonly #requirements: Requirement[] = [];
  readonly #free: number[] = [];

  /** The requirement's number, with one more lease that has it. */
  hold(requirement: Requirement): number {
    if (requirement.leases++ === 0) {
      requirement.number = this.#free.pop() ?? this.#requirements.length;
      this.#requirements[requirement.number] = requirement;
    }
    return requirement.number;
  }

  drop(number: number): void {
    if (--this.#requirements[number].leases === 0) this.#free.push(number);
  }

  get(number: number): Requirement {
    return this.#requirements[number];
  }
}
