/** Where the fleet will be once the server listens: agents must be told where the pool is. */
import type { ScalingRecord } from '../core/scaling.ts';
import type { FleetBrief, FleetCheck, FleetControl, FleetStatus } from '../host/fleet-api.ts';
import { NotReadyError } from '../host/host-api.ts';

export class FleetSlot implements FleetControl {
  #fleet: FleetControl | null = null;

  fill(fleet: FleetControl): void {
    this.#fleet = fleet;
  }

  brief(): FleetBrief | null {
    return this.#fleet?.brief() ?? null;
  }

  check(): Promise<FleetCheck> {
    return this.#with((fleet) => fleet.check());
  }

  switchTo(enabled: boolean): Promise<boolean> {
    return this.#with((fleet) => fleet.switchTo(enabled));
  }

  status(): Promise<FleetStatus> {
    return this.#with((fleet) => fleet.status());
  }

  records(limit: number): Promise<readonly ScalingRecord[]> {
    return this.#with((fleet) => fleet.records(limit));
  }

  #with<T>(call: (fleet: FleetControl) => Promise<T>): Promise<T> {
    return this.#fleet === null ? Promise.reject(new NotReadyError('starting')) : call(this.#fleet);
  }
}
