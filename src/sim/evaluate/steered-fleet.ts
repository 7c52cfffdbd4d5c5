/**
 * Agents that come and go as somebody wants them. Those that are added run once they have started;
 * those that are taken away run to the end of the minute; those that are starting are not called off.
 */
export class SteeredFleet {
  readonly #bootMinutes: number;
  /** Agents that begin to run, by minute. */
  readonly #arrivals: Float64Array;
  #leaving = 0;
  #running: number;
  #starting = 0;

  /** In its first minute one agent more runs than is needed. */
  constructor(demand: Float64Array, bootMinutes: number) {
    this.#bootMinutes = bootMinutes;
    this.#arrivals = new Float64Array(demand.length);
    this.#running = Math.ceil(demand[0]!) + 1;
  }

  get running(): number {
    return this.#running;
  }

  get starting(): number {
    return this.#starting;
  }

  /** Minutes come one after the other, from 0. */
  begin(minute: number): void {
    const arrived = this.#arrivals[minute]!;
    this.#running += arrived - this.#leaving;
    this.#starting -= arrived;
    this.#leaving = 0;
  }

  /** `desired` counts running and starting agents. */
  steer(minute: number, desired: number): void {
    const missing = desired - this.#running - this.#starting;
    if (missing < 0) this.#leaving = Math.min(this.#running, -missing);
    else if (this.#bootMinutes === 0) this.#running += missing;
    else {
      this.#starting += missing;
      const at = minute + this.#bootMinutes;
      // What would run after the end is starting until then.
      if (at < this.#arrivals.length) this.#arrivals[at]! += missing;
    }
  }
}
