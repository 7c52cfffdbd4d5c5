/**
 * Everything that a pool knows. `Facts` (facts.ts) is the only writer of the durable part; the
 * decisions (allocate.ts, serve.ts, reclaim.ts, …) only read it.
 */
import { AgentTable } from './agents.ts';
import { Answers } from './answers.ts';
import { Hosting } from './hosting.ts';
import { Hosts } from './hosts.ts';
import { IdleLeases } from './idle-leases.ts';
import { LeaseTable } from './leases.ts';
import { ENDED_LEASES_KEPT } from './limits.ts';
import { Memberships } from './memberships.ts';
import type { PoolOptions } from './options.ts';
import { imagined, type Profile, Profiles } from './profiles.ts';
import { Purposes } from './purposes.ts';
import { Queue } from './queue.ts';
import { ReadyIndex } from './ready-index.ts';
import { NONE } from './rows.ts';
import { Scaling } from './scaling.ts';
import { TenantTable } from './tenants.ts';
import { TicketTable } from './tickets.ts';
import { TimingWheel } from './timing-wheel.ts';

/** What has become free for those who wait, since they were last served. */
export class Freed {
  readonly profiles: Set<Profile> = new Set();
  /** Where membership is required. */
  readonly agents: Set<number> = new Set();
  /** A group has left the queue, and with it all that it withheld. */
  everything = false;

  get isEmpty(): boolean {
    return this.profiles.size === 0 && !this.everything;
  }

  clear(): void {
    this.profiles.clear();
    this.agents.clear();
    this.everything = false;
  }
}

export class PoolState {
  readonly options: PoolOptions;
  readonly profiles: Profiles = new Profiles();
  readonly hosts: Hosts = new Hosts();
  readonly agents: AgentTable;
  readonly tenants: TenantTable;
  readonly leases: LeaseTable;
  readonly tickets: TicketTable = new TicketTable();
  readonly memberships: Memberships = new Memberships();
  readonly answers: Answers = new Answers();
  readonly scaling: Scaling = new Scaling();
  readonly hosting: Hosting;
  lastToken = 0;
  /** The time of the newest command or event; time never goes back. Not durable. */
  now = 0;
  /** The time of the newest event. */
  factAt = 0;

  // What follows from the above, for speed; rebuilt after a restart.
  readonly ready: ReadyIndex;
  readonly idle: IdleLeases;
  readonly queue: Queue;
  readonly leaseDeadlines: TimingWheel = new TimingWheel();
  readonly ticketDeadlines: TimingWheel = new TimingWheel();
  readonly freed: Freed = new Freed();
  /** When those who wait are next checked for a lease to reclaim. */
  reclaimAt: number = Number.POSITIVE_INFINITY;

  /** Kinds that can be started on demand, as profiles that count nobody. */
  readonly startable: readonly { readonly profile: Profile; readonly max: number }[];

  constructor(options: PoolOptions, endedLeasesKept: number = ENDED_LEASES_KEPT) {
    this.options = options;
    this.hosting = new Hosting(options.hosting);
    this.startable = options.startable.map((kind) => ({
      profile: imagined(kind),
      max: kind.max,
    }));
    this.agents = new AgentTable(this.profiles.all);
    this.tenants = new TenantTable(this.agents, options.affinitySize);
    const purposes = new Purposes(options.purposes);
    this.leases = new LeaseTable(this.agents, this.tenants, purposes, endedLeasesKept);
    this.ready = new ReadyIndex(this.agents, this.hosts, options.selection);
    this.idle = new IdleLeases(this.leases, this.agents);
    this.queue = new Queue(this.tickets, this.tenants, this.membersOnly);
  }

  get membersOnly(): boolean {
    return this.options.membership === 'required';
  }

  /**
   * Looks at the lease no later than `at`. A row that will be looked at before stays as it is:
   * renewals and releases are far more frequent than timeouts and cost nothing here.
   */
  lookAtLease(row: number, at: number): void {
    if (this.leases.lookAt(row) <= at) return;
    this.leases.setLookAt(row, at);
    this.leaseDeadlines.arm(row, at);
  }

  /** The leases that an agent holds, the oldest grant first. */
  leasesOf(agent: number): number[] {
    const { leases } = this;
    const rows: number[] = [];
    let row = this.agents.leaseHead(agent);
    for (; row !== NONE; row = leases.nextOfAgent(row)) rows.push(row);
    return rows.sort((a, b) => leases.token(a) - leases.token(b));
  }

  /** Used ÷ all slots of the pool, or of one specialization; 0 where there is none. */
  utilization(specialization?: string): number {
    let slots = this.agents.slotsTotal;
    let used = this.agents.usedTotal;
    if (specialization !== undefined) {
      const own = this.profiles.all.filter((p) => p.specialization === specialization);
      slots = own.reduce((sum, profile) => sum + profile.slots, 0);
      used = own.reduce((sum, profile) => sum + profile.usedSlots, 0);
    }
    return slots === 0 ? 0 : used / slots;
  }
}
