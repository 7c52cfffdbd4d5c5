/** A pool that lives through a script on a virtual clock and leaves a journal behind. */
import type { AgentSpec, Command, LeaseCommand } from '../../src/core/command.ts';
import { DEFAULT_OPTIONS, type PoolOptions } from '../../src/core/options.ts';
import type { OutcomeOf } from '../../src/core/outcome.ts';
import { Host } from '../../src/host/host.ts';
import type { Journal } from '../../src/host/ports.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

export const START = Date.UTC(2026, 2, 1, 20);

export const OPTIONS: PoolOptions = {
  ...DEFAULT_OPTIONS,
  health: { ...DEFAULT_OPTIONS.health, heartbeatTimeoutMs: 0 },
};

export function agent(agentId: string, more: Partial<AgentSpec> = {}): AgentSpec {
  return {
    ...{ agentId, specialization: 'general', tools: [], tier: 'standard', slots: 1 },
    ...{ costPerHour: 1, labels: {}, protected: false, memberships: [] },
    ...more,
  };
}

/** What a tenant does with its lease, in seconds after the grant. */
export interface Plan {
  /** Reports, such as `[[0, 'active'], [60, 'idle']]`. */
  readonly reports?: readonly (readonly [sec: number, state: 'active' | 'idle'])[];
  readonly releaseSec?: number;
  /** Leaves the queue after so long. */
  readonly cancelSec?: number;
  /** Reads a grant that came later after so long; never where it is null. */
  readonly claimSec?: number | null;
}

export class World {
  readonly clock: VirtualClock;
  readonly #host: Host;
  readonly #grants = new Map<string, string[]>();
  readonly #plans = new Map<string, Plan>();
  readonly #tokens = new Map<string, number>();

  private constructor(host: Host, clock: VirtualClock) {
    this.#host = host;
    this.clock = clock;
    host.onCommitted((events) => {
      for (const { event } of events) {
        if (event.type === 'lease_granted') {
          this.#tokens.set(event.lease, event.token);
          if (event.ticket !== undefined) {
            this.#grants.set(event.ticket, [
              ...(this.#grants.get(event.ticket) ?? []),
              event.lease,
            ]);
          }
        }
        if (event.type === 'lease_moved') this.#tokens.set(event.lease, event.token);
        if (event.type === 'lease_ended') this.#tokens.delete(event.lease);
        if (event.type === 'ticket_ended' && event.state === 'granted') this.#served(event.ticket);
      }
    });
  }

  /** `journal` is closed with the world. It begins `startSec` after START. */
  static async open(
    journal: Journal,
    options: PoolOptions = OPTIONS,
    startSec = 0,
  ): Promise<World> {
    const clock = new VirtualClock(START + startSec * 1_000);
    return new World(await Host.open({ journal, clock, options }), clock);
  }

  async run<C extends Command>(command: C): Promise<OutcomeOf<C>> {
    const outcome = await this.#host.execute(command);
    if (outcome.outcome === 'refused' && command.type !== 'report') {
      if (command.type !== 'lease') throw new Error(outcome.detail);
    }
    return outcome;
  }

  /** Lives until so many seconds after the start. */
  async until(sec: number): Promise<void> {
    const at = START + Math.round(sec * 1_000);
    while (this.clock.step(at)) await this.#host.read(() => undefined);
    this.clock.moveTo(at);
  }

  async ask(command: Omit<LeaseCommand, 'type'>, plan: Plan = {}): Promise<void> {
    const outcome = await this.run({ type: 'lease', ...command });
    if (outcome.outcome === 'granted' && !outcome.reused) {
      for (const { leaseId, token } of outcome.leases) {
        this.#tokens.set(leaseId, token);
        this.#use(leaseId, plan);
      }
    } else if (outcome.outcome === 'queued') {
      const { ticketId } = outcome.ticket;
      this.#plans.set(ticketId, plan);
      // By this very command: the listener has been told before the plan was known.
      if (this.#grants.has(ticketId)) this.#served(ticketId);
      if (plan.cancelSec !== undefined) {
        this.#later(plan.cancelSec, () => this.run({ type: 'cancel_ticket', ticket: ticketId }));
      }
    }
  }

  /** Every agent takes the leases that it has been assigned. */
  async acceptAll(): Promise<void> {
    for (const [lease, token] of this.#tokens) {
      await this.run({ type: 'accept_lease', lease, token });
    }
  }

  close(): Promise<void> {
    return this.#host.close();
  }

  #served(ticket: string): void {
    const plan = this.#plans.get(ticket);
    if (plan === undefined) return;
    const { claimSec = 0.2 } = plan;
    if (claimSec === null) return;
    this.#later(claimSec, () => this.run({ type: 'claim_ticket', ticket }));
    for (const lease of this.#grants.get(ticket) ?? []) this.#use(lease, plan);
  }

  #use(lease: string, { reports = [], releaseSec }: Plan): void {
    for (const [sec, state] of reports) {
      this.#later(sec, async () => {
        const token = this.#tokens.get(lease);
        if (token !== undefined) await this.run({ type: 'report', lease, state, token });
      });
    }
    if (releaseSec !== undefined)
      this.#later(releaseSec, () => this.run({ type: 'release', lease }));
  }

  #later(sec: number, act: () => Promise<unknown>): void {
    this.clock.wakeAt(this.clock.now() + Math.round(sec * 1_000), () => {
      act().catch((error: Error) => {
        throw error;
      });
    });
  }
}
