/** A rule by which REST calls fail. */
export interface RestFault {
  /** 500 unless said. */
  status?: number;
  /** Only calls whose "METHOD /path" matches; all calls unless said. */
  only?: RegExp;
  /** How many calls fail; all until `mendRest` unless said. */
  times?: number;
}

/** What is broken at the moment. Faults of connections that exist are calls of the stand-in itself. */
export class Faults {
  /** No heartbeat is acknowledged, as on a connection that is dead without knowing. */
  acksPaused = false;
  /** New gateway connections are refused with this HTTP status; null: they are taken. */
  refuseGateway: number | null = null;
  /** REST answers come so much later. */
  restDelayMs = 0;
  /** Ids of bots whose wish to join a channel stays without an answer, as without permission. */
  readonly deafToVoice = new Set<string>();
  #rest: { status: number; only: RegExp; left: number } | null = null;

  failRest(fault: RestFault = {}): void {
    this.#rest = {
      status: fault.status ?? 500,
      only: fault.only ?? /^/,
      left: fault.times ?? Number.POSITIVE_INFINITY,
    };
  }

  mendRest(): void {
    this.#rest = null;
  }

  /** The status with which this call fails, if it does. */
  restFault(call: string): number | null {
    const fault = this.#rest;
    if (!fault || fault.left <= 0 || !fault.only.test(call)) return null;
    fault.left--;
    return fault.status;
  }
}
