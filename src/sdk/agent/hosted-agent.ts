/**
 * One agent of a runner: its leases, in order. A handler whose lease has ended may need a moment to
 * let go; new work beyond the agent's slots waits for it, so that the agent never serves more tenants
 * than it can.
 */
import { hostedAgent, type RunnerFrame, type WireLease } from '../wire.ts';
import type { AgentSpec } from '../words.ts';
import { Assignment } from './assignment.ts';

export interface AgentOwner {
  /** The handlers accept or reject by themselves. */
  manualAccepts(): boolean;
  run(assignment: Assignment, agent: HostedAgent): Promise<void> | void;
  failed(assignment: Assignment, error: unknown): void;
}

/** The connection that the agent is on. */
export interface AgentLine {
  /** How many questions have been asked on it; what was sent before is certain once one is answered. */
  readonly asked: number;
  send(frame: RunnerFrame): void;
  /** Asks the pool what the agent holds. */
  ask(agent: HostedAgent): void;
}

interface Owed<T> {
  readonly what: T;
  readonly asked: number;
}
type Farewell = Extract<RunnerFrame, { type: 'released' | 'rejected' }>;

/** Words for a person are cut to what the wire takes. */
const REASON_LENGTH = 256;
const MEMBERSHIPS_A_FRAME = 400;

export class HostedAgent {
  readonly agentId: string;
  readonly spec: AgentSpec;
  readonly #owner: AgentOwner;
  readonly #line: AgentLine;
  /** Leases that the agent holds, as far as is known: running, or waiting for their turn. */
  readonly #live = new Map<string, Assignment>();
  /** Leases that it has no more, whose handlers still run, with what to say at their end. */
  readonly #stopping = new Map<Assignment, Farewell['type'] | null>();
  /** Said, but perhaps not heard: the connection may have been cut just then. */
  readonly #farewells = new Map<string, Owed<Farewell>>();
  readonly #memberships = new Map<string, Owed<boolean>>();
  #outOfBudget: { readonly reason: string | undefined } | null = null;
  #waiters: (() => void)[] = [];
  isHosted = false;
  isClosing = false;
  credential: string | undefined;

  constructor(spec: AgentSpec, owner: AgentOwner, line: AgentLine) {
    this.agentId = spec.agentId;
    this.spec = spec;
    this.#owner = owner;
    this.#line = line;
    if (spec.available === false) this.#outOfBudget = { reason: undefined };
  }

  get hello(): ReturnType<typeof hostedAgent> {
    const { available: _available, ...spec } = this.spec;
    return hostedAgent(this.hasBudget ? spec : { ...spec, available: false });
  }

  get hasBudget(): boolean {
    return this.#outOfBudget === null;
  }

  /** Something was said of which it is not certain that it was heard. */
  get isOwing(): boolean {
    return this.#farewells.size > 0 || this.#memberships.size > 0;
  }

  /** Handlers that run. */
  get running(): number {
    let waiting = 0;
    for (const assignment of this.#live.values()) if (assignment.isWaiting) waiting++;
    return this.#live.size - waiting + this.#stopping.size;
  }

  // ─── What the pool says ──────────────────────────────────────────────────────────────────────

  assign(wire: WireLease): void {
    const known = this.#live.get(wire.lease_id);
    if (known !== undefined) {
      if (wire.token <= known.token) return;
      known.take(wire);
      known.repeat();
      return;
    }
    const owed = this.#farewells.get(wire.lease_id)?.what;
    if (owed?.token === wire.token) {
      this.#line.send(owed);
      return;
    }
    for (const { leaseId, token } of this.#stopping.keys()) {
      if (leaseId === wire.lease_id && token === wire.token) return;
    }
    if (this.isClosing) {
      const { lease_id: leaseId, token } = wire;
      this.#bid({ leaseId, token }, 'rejected', 'the runner is closing');
      return;
    }
    this.#live.set(wire.lease_id, this.#assignment(wire));
    this.#startNext();
  }

  /** False when the agent has nothing of it, and so has nothing to say when it has let go. */
  release(leaseId: string, token: number, reason: string): boolean {
    const assignment = this.#live.get(leaseId);
    // One about an earlier grant changes nothing: what is held now has another token.
    if (assignment !== undefined && token >= assignment.token) {
      this.#stop(assignment, reason, 'released');
    }
    if (assignment !== undefined) return true;
    return [...this.#stopping.keys()].some((stopping) => stopping.leaseId === leaseId);
  }

  /** What the agent holds, as the answer to a hello: the whole truth. */
  welcome(leases: readonly WireLease[]): void {
    this.isHosted = true;
    const held = new Map(leases.map((lease) => [lease.lease_id, lease]));
    for (const [id, assignment] of [...this.#live]) {
      if (!held.has(id)) this.#stop(assignment, 'lost', null);
    }
    for (const id of [...this.#farewells.keys()]) if (!held.has(id)) this.#farewells.delete(id);
    for (const lease of leases) {
      const known = this.#live.get(lease.lease_id);
      if (known === undefined) this.assign(lease);
      else {
        known.take(lease);
        known.wasRenewed = false;
        known.repeat();
      }
    }
    // The hello has said so, without the reason.
    if (this.#outOfBudget !== null) this.#sayBudget();
    if (this.#memberships.size > 0) this.#sayMemberships([...this.#memberships.keys()]);
  }

  /** A report about the lease was refused: the agent does not hold it, or not so. */
  refused(leaseId: string): void {
    this.#farewells.delete(leaseId);
    const assignment = this.#live.get(leaseId);
    if (assignment === undefined) return;
    if (assignment.wasRenewed) this.#line.ask(this);
    else this.#stop(assignment, 'lost', null);
  }

  /** Another runner has the agent, and with it whatever it held. */
  lost(reason: string): void {
    this.isHosted = false;
    for (const assignment of [...this.#live.values()]) this.#stop(assignment, reason, null);
  }

  /** The pool had everything that was said before it was asked this many times. */
  confirm(asked: number): void {
    for (const [id, owed] of this.#farewells) if (owed.asked < asked) this.#farewells.delete(id);
    for (const [id, owed] of this.#memberships) {
      if (owed.asked < asked) this.#memberships.delete(id);
    }
  }

  /** Says again all that counts: the pool could not take something, and did not say what. */
  repeat(): void {
    for (const assignment of this.#live.values()) assignment.repeat();
    for (const { what } of this.#farewells.values()) this.#line.send(what);
    if (this.#outOfBudget !== null) this.#sayBudget();
    if (this.#memberships.size > 0) this.#sayMemberships([...this.#memberships.keys()]);
  }

  // ─── What the user says ──────────────────────────────────────────────────────────────────────

  setMemberships(added: readonly string[], removed: readonly string[]): void {
    const owe = (tenant: string, what: boolean) => {
      this.#memberships.set(tenant, { what, asked: this.#line.asked });
    };
    for (const tenant of added) owe(tenant, true);
    for (const tenant of removed) owe(tenant, false);
    if (this.isHosted) this.#sayMemberships([...added, ...removed]);
  }

  setBudget(available: boolean, reason: string | undefined): void {
    this.#outOfBudget = available ? null : { reason };
    if (this.isHosted) this.#sayBudget();
  }

  /** Aborts all handlers; resolves when they have ended. */
  close(): Promise<void> {
    this.isClosing = true;
    for (const assignment of [...this.#live.values()]) {
      // What it has not taken yet can go to another agent.
      this.#stop(assignment, 'closing', assignment.isAccepted ? 'released' : 'rejected');
    }
    if (this.#stopping.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  // ─── Handlers ────────────────────────────────────────────────────────────────────────────────

  #assignment(wire: WireLease): Assignment {
    return new Assignment(wire, {
      send: (frame) => this.#line.send(frame),
      run: (assignment) => this.#owner.run(assignment, this),
      rejected: (assignment, reason) => {
        this.#bid(assignment, 'rejected', reason);
        this.#stop(assignment, 'rejected', null);
      },
      ended: (assignment, failure) => {
        const farewell = this.#stopping.get(assignment);
        this.#stopping.delete(assignment);
        if (this.#live.get(assignment.leaseId) === assignment) {
          this.#live.delete(assignment.leaseId);
        }
        this.#bid(assignment, farewell === undefined ? 'released' : farewell);
        // A handler may well end by throwing what its signal was aborted with.
        const isEcho = failure !== null && failure.error === assignment.signal.reason;
        if (failure !== null && !isEcho) this.#owner.failed(assignment, failure.error);
        this.#startNext();
        if (this.#stopping.size === 0) for (const resolve of this.#waiters.splice(0)) resolve();
      },
    });
  }

  #startNext(): void {
    const { slots = 1 } = this.spec;
    for (const assignment of [...this.#live.values()]) {
      // The pool knows the slots; only what has not let go yet can make too many.
      if (this.#stopping.size > 0 && this.running >= slots) return;
      if (assignment.isWaiting) assignment.start(!this.#owner.manualAccepts());
    }
  }

  #stop(assignment: Assignment, reason: string, farewell: Farewell['type'] | null): void {
    this.#live.delete(assignment.leaseId);
    if (assignment.isWaiting) this.#bid(assignment, farewell);
    else this.#stopping.set(assignment, farewell);
    assignment.stop(reason);
  }

  #bid(
    { leaseId: lease_id, token }: { readonly leaseId: string; readonly token: number },
    type: Farewell['type'] | null,
    reason?: string,
  ): void {
    if (type === null) return;
    const what: Farewell =
      type === 'rejected' && reason
        ? { type, lease_id, token, reason: reason.slice(0, REASON_LENGTH) }
        : { type, lease_id, token };
    this.#farewells.set(lease_id, { what, asked: this.#line.asked });
    this.#line.send(what);
  }

  #sayBudget(): void {
    const reason = this.#outOfBudget?.reason?.slice(0, REASON_LENGTH);
    this.#line.send({
      type: 'budget',
      agent_id: this.agentId,
      available: this.#outOfBudget === null,
      ...(reason && { reason }),
    });
  }

  #sayMemberships(tenants: readonly string[]): void {
    for (let i = 0; i < tenants.length; i += MEMBERSHIPS_A_FRAME) {
      const added: string[] = [];
      const removed: string[] = [];
      for (const tenant of tenants.slice(i, i + MEMBERSHIPS_A_FRAME)) {
        const owed = this.#memberships.get(tenant);
        if (owed !== undefined) (owed.what ? added : removed).push(tenant);
      }
      this.#line.send({ type: 'memberships', agent_id: this.agentId, added, removed });
    }
  }
}
