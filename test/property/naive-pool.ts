/** The naive pool's commands and their answers: see naive-model.ts. */
import type * as C from '../../src/core/command.ts';
import * as limits from '../../src/core/limits.ts';
import type * as O from '../../src/core/outcome.ts';
import { PRIORITIES } from '../../src/core/words.ts';
import { NaiveRules } from './naive-model.ts';
import {
  type Agent,
  type Demand,
  demandOf,
  hostOf,
  type Lease,
  sortedTools,
  type Ticket,
  type Wish,
} from './naive-types.ts';
import { agentView, explain, leaseView, ticketView } from './naive-views.ts';

const refused = (code: O.RefusalCode, more: object = {}) =>
  ({ outcome: 'refused', code, ...more }) as unknown as O.Refusal;

/** Agents that a pool starts by itself, and those on sockets, have tests of their own. */
export type NaiveCommand = Exclude<
  C.Command,
  | C.CheckFleetCommand
  | C.AgentLostCommand
  | C.AgentStartingCommand
  | C.StartFailedCommand
  | C.SwitchAutoscalerCommand
  | C.ConnectAgentsCommand
  | C.DisconnectAgentsCommand
  | C.AcceptLeaseCommand
  | C.RejectLeaseCommand
  | C.SetBudgetCommand
>;

export class NaivePool extends NaiveRules {
  execute(command: NaiveCommand, now: number): O.Outcome {
    this.advance(now);
    const outcome = this.answer(command);
    this.serve(false);
    const waits = this.waiting.length > 0 && this.options.reclaim.enabled;
    if (!waits) this.reclaimAt = Infinity;
    else if (this.reclaimAt === Infinity) this.reclaimAt = this.now + limits.RECLAIM_RECHECK_MS;
    if (waits && this.now >= this.reclaimAt) {
      this.serve(true);
      this.reclaimAt = this.waiting.length > 0 ? this.now + limits.RECLAIM_RECHECK_MS : Infinity;
    }
    return outcome;
  }

  answer(command: NaiveCommand): O.Outcome {
    switch (command.type) {
      case 'lease':
        return this.lease(command);
      case 'report':
      case 'release':
        return this.reportOrRelease(command);
      case 'cancel_ticket':
      case 'claim_ticket': {
        const ticket = this.tickets.find(({ number }) => `tkt-${number}` === command.ticket);
        if (ticket === undefined) return refused('NOT_FOUND');
        const cancels = command.type === 'cancel_ticket' && ticket.state === 'queued';
        const claims = command.type === 'claim_ticket' && ticket.state === 'granted';
        if (cancels) ticket.state = 'cancelled';
        if (cancels || claims) ticket.dueAt = Infinity;
        return { outcome: 'ticket', ticket: ticketView(this, ticket) };
      }
      case 'register':
        return this.register(command);
      case 'heartbeat':
        return this.heartbeat(command);
      case 'check_health':
        return this.checkHealth();
      case 'tick':
        return { outcome: 'ticked' };
      default: {
        const agent = this.agent(command.agent);
        return agent === undefined ? refused('NOT_FOUND') : this.changeAgent(agent, command);
      }
    }
  }

  lease(command: C.LeaseCommand): O.Granted | O.Queued | O.Refusal {
    this.counters.requests++;
    const { idempotencyKey: key, fingerprint = '' } = command;
    const kept = key === undefined ? undefined : this.answers.get(key);
    if (kept !== undefined && this.now - kept.at < limits.ANSWER_KEPT_MS) {
      if (kept.fingerprint !== fingerprint) return refused('IDEMPOTENCY_MISMATCH');
      return { ...kept.outcome, repeated: true };
    }
    const outcome = this.decide(command);
    if (outcome.outcome === 'refused') this.counters.refused++;
    else if (key !== undefined && !outcome.dryRun) {
      this.answers.set(key, { at: this.now, fingerprint, outcome });
    }
    return outcome;
  }

  decide(command: C.LeaseCommand): O.Granted | O.Queued | O.Refusal {
    const { tenant, count = 1, dryRun = false, near = [] } = command;
    const demand = demandOf(command);
    const purpose = this.purposeOf(command);
    const hosts = [...new Set(near.flatMap((id) => this.hostOfLease(id)))];
    const isLive = (id: string) => this.live.some((lease) => lease.id === id);
    if (!near.every(isLive)) return refused('INVALID_REQUEST');

    const own = this.held(tenant)
      .filter(
        ({ agent, ...lease }) =>
          lease.purpose === purpose && !this.unfit(agent) && !this.mismatch(agent, demand),
      )
      .sort((a, b) => b.activity - a.activity)
      .slice(0, count);
    if (command.reuse !== false && own.length === count) {
      const wish: Wish = { demand, tenant, count, hosts: [], withheld: () => false };
      const why = command.explain ? explain(this, wish, own[0].agent) : undefined;
      if (!dryRun) {
        this.counters.reused++;
        for (const lease of own) this.touch(lease, lease.state);
      }
      return this.granted(own, { reused: true, warm: true, how: 'reused', dryRun, explain: why });
    }

    const able = this.agents.filter((agent) => this.mismatch(agent, demand) === null);
    if (able.length < count) return refused('NO_SUCH_CAPABILITY');
    const waits = this.waiting.filter((ticket) => ticket.tenant === tenant);
    const wanted = waits.reduce((sum, ticket) => sum + ticket.count, count);
    if (this.held(tenant).length + wanted > this.options.maxAgentsPerTenant) {
      return refused('TENANT_AT_LIMIT');
    }
    if (able.filter((agent) => this.isMember(agent, tenant)).length < count) {
      const invites = this.invitable(able, tenant)
        .slice(0, limits.INVITES_OFFERED)
        .map(({ agentId, labels }) => ({ agentId, inviteUrl: labels.invite_url ?? null }));
      return refused('AGENT_NOT_INSTALLED', { invites });
    }

    const { agingMs, timeoutMs, maxLength } = this.options.queue;
    const priority = PRIORITIES.indexOf(command.priority ?? 'normal');
    const weight = this.optionsOf(purpose).priorityWeight;
    const rank = priority * 40 + weight - limits.AGING_POINTS * Math.floor(this.now / agingMs);
    const draft = { rank, tenant, number: Infinity } as Ticket;
    const withheld = this.withheldBy((group) => this.before(group, draft) < 0);
    const wish: Wish = { demand, tenant, count, hosts, withheld };
    const found = this.search(wish);
    let victims = this.victims(wish, priority, count - found.length, found);
    const fits = (agent: Agent, ...all: Demand[]) => all.every((d) => !this.mismatch(agent, d));
    const sooner = this.heads().filter((ticket) => this.before(ticket, draft) < 0);
    if (
      victims.length > 0 &&
      sooner.some((t) => this.agents.some((a) => fits(a, demand, t.demand)))
    ) {
      // Those who wait and outrank it reclaim first, at the end of this command.
      victims = [];
      if (!dryRun) this.reclaimAt = this.now;
    }
    const takers = [...found, ...victims].map(({ agent }) => agent);
    const enough = takers.length >= count;
    const first = enough ? takers[0] : undefined;
    const why = command.explain ? explain(this, wish, first) : undefined;
    if (enough) {
      const warm = takers.map((agent) => this.isWarm(tenant, agent));
      if (!dryRun) for (const victim of victims) this.end(victim, 'reclaimed');
      const leases = takers.map((agent, i) =>
        dryRun
          ? { ...this.draft(command, agent, warm[i]), id: '', token: 0 }
          : this.grant(command, agent, warm[i]),
      );
      const how = found[0]?.how ?? 'reclaim';
      return this.granted(leases, {
        reused: false,
        warm: !warm.includes(false),
        how,
        dryRun,
        explain: why,
      });
    }

    const patience = command.queueTimeoutMs ?? timeoutMs;
    if (command.queue === false || patience === 0 || this.waiting.length >= maxLength) {
      return refused('AGENT_POOL_EXHAUSTED', { explain: why });
    }
    const lane = JSON.stringify([demand, this.options.membership === 'required' && tenant]);
    const expiresAt = this.now + patience;
    const ticket: Ticket = {
      ...{ number: this.tickets.length + 1, command, tenant, demand, lane, purpose, priority },
      ...{ rank, count, queuedAt: this.now, expiresAt, dueAt: expiresAt },
      state: 'queued',
      leases: [],
    };
    this.tickets.push(ticket);
    const view = ticketView(this, ticket);
    if (dryRun) this.tickets.pop();
    else {
      this.counters.queued++;
      this.recent(tenant);
    }
    return {
      outcome: 'queued',
      ticket: dryRun ? { ...view, ticketId: '' } : view,
      dryRun,
      explain: why,
    } as O.Queued;
  }

  granted(leases: Lease[], more: object): O.Granted {
    const views = leases.map((lease) => leaseView(this, lease));
    return { outcome: 'granted', leases: views, ...more } as unknown as O.Granted;
  }

  register(command: C.RegisterCommand): O.RegisterOutcome | O.Refusal {
    const ids = command.agents.map(({ agentId }) => agentId);
    if (new Set(ids).size < ids.length) return refused('INVALID_REQUEST');
    const fields = (of: C.AgentSpec | Agent) =>
      JSON.stringify([
        ...[of.specialization, sortedTools(of.tools), of.tier, of.slots, of.costPerHour],
        ...[Object.entries(of.labels).sort(), of.protected],
      ]);
    const clashes = command.agents.some((spec) => {
      const known = this.agent(spec.agentId);
      if (known === undefined) return false;
      // A credential is compared only where one is given.
      const { credential = known.credential } = spec;
      return fields(known) !== fields(spec) || known.credential !== credential;
    });
    if (clashes) return refused('AGENT_EXISTS');
    const unchanged = ids.filter((id) => this.agent(id) !== undefined).length;
    for (const spec of command.agents) {
      const known = this.agent(spec.agentId);
      if (known?.retiring) known.draining = known.retiring = false;
      const agent = known ?? this.newAgent(spec);
      for (const tenant of spec.memberships) this.setMembership(agent, tenant, true);
    }
    return { outcome: 'registered', registered: ids.length - unchanged, unchanged };
  }

  newAgent({ memberships: _, ...spec }: C.AgentSpec): Agent {
    const agent: Agent = {
      ...spec,
      row: this.freeRows.pop() ?? this.rows.length,
      gone: false,
      members: [],
      health: 'healthy',
      offline: false,
      declared: false,
      draining: false,
      retiring: false,
      registeredAt: this.now,
      lastUsedAt: 0,
      lastUse: 0,
      heartbeatAt: this.now,
      misses: 0,
      reported: undefined,
      grants: [],
    };
    this.rows[agent.row] = agent;
    this.use(agent);
    return agent;
  }

  setMembership(agent: Agent, tenant: string, member: boolean): void {
    if (agent.members.includes(tenant) === member) return;
    this.recent(tenant);
    agent.members = agent.members.filter((other) => other !== tenant);
    if (member) agent.members.push(tenant);
  }

  changeAgent(
    agent: Agent,
    command:
      | C.UpdateAgentCommand
      | C.RetireAgentCommand
      | C.DrainAgentCommand
      | C.ResumeAgentCommand
      | C.SetMembershipCommand,
  ): O.AgentOutcome | O.MembershipOutcome {
    if (command.type === 'set_membership') {
      this.setMembership(agent, command.tenant, command.member);
      return { outcome: 'membership', member: command.member };
    }
    if (command.type === 'update_agent') this.update(agent, command.changes);
    else if (command.type === 'resume_agent') agent.draining = agent.retiring = false;
    else {
      agent.draining = true;
      agent.retiring ||= command.type === 'retire_agent';
      const all = command.type === 'retire_agent' && command.force === true;
      const leases = this.leasesOf(agent).sort((a, b) => a.token - b.token);
      const idle = leases.filter(({ state }) => state === 'idle');
      for (const lease of idle) this.end(lease, 'drained');
      if (all) for (const lease of this.leasesOf(agent)) this.end(lease, 'drained');
      this.leaveIfDone(agent);
    }
    return { outcome: 'agent', agent: agentView(this, agent) };
  }

  update(agent: Agent, changes: C.UpdateAgentCommand['changes']): void {
    const what = () => JSON.stringify([agent.tools, agent.tier, agent.slots, agent.costPerHour]);
    const before = [what(), hostOf(agent)].join();
    if ((changes.slots ?? 0) > agent.slots) {
      // More room does not make an agent remember again whom it has forgotten.
      for (const { recent } of this.tenants.values()) {
        for (const entry of recent) if (entry.agent === agent) entry.grant = -Infinity;
      }
    }
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    Object.assign(agent, Object.fromEntries(given));
    agent.tools = sortedTools(agent.tools);
    if ([what(), hostOf(agent)].join() !== before) this.use(agent);
  }

  heartbeat(command: C.HeartbeatCommand): O.HeartbeatOutcome {
    const unknown: string[] = [];
    for (const [id, load] of command.agents) {
      const agent = this.agent(id);
      if (agent === undefined) {
        unknown.push(id);
        continue;
      }
      agent.heartbeatAt = this.now;
      agent.misses = 0;
      if (load !== undefined) agent.reported = Math.fround(load);
      const { health } = command;
      const news = health !== agent.health || (!agent.declared && health !== 'healthy');
      if (health !== undefined && news) {
        Object.assign(agent, { health, declared: true, offline: false });
        if (health === 'unhealthy') this.moveLeases(agent);
      } else if (health === undefined && !agent.declared) {
        Object.assign(agent, { health: 'healthy', offline: false });
      }
    }
    return { outcome: 'heartbeats', accepted: command.agents.length - unknown.length, unknown };
  }

  checkHealth(): O.CheckOutcome {
    const { heartbeatTimeoutMs, unhealthyThreshold } = this.options.health;
    const silent = this.agents.filter(
      (agent) =>
        heartbeatTimeoutMs > 0 &&
        this.now - agent.heartbeatAt > heartbeatTimeoutMs &&
        !agent.offline,
    );
    for (const agent of silent) agent.misses++;
    const lost = silent.filter((agent) => agent.misses >= unhealthyThreshold);
    const weak = silent.filter((agent) => !lost.includes(agent) && agent.health === 'healthy');
    for (const agent of weak) Object.assign(agent, { health: 'degraded', declared: false });
    for (const agent of lost) {
      Object.assign(agent, { health: 'unhealthy', declared: false, offline: true });
    }
    for (const agent of lost) this.moveLeases(agent);
    return { outcome: 'checked', degraded: weak.length, unhealthy: lost.length };
  }

  reportOrRelease(command: C.ReportCommand | C.ReleaseCommand): O.LeaseOutcome | O.Refusal {
    const lease = this.leases.find(({ id }) => id === command.lease);
    if (lease === undefined) return refused('NOT_FOUND');
    const checked = command.type === 'report' || command.token !== undefined;
    if (checked && command.token !== lease.token) return refused('LEASE_TOKEN_STALE');
    const ended = lease.state === 'released';
    if (command.type === 'report') {
      if (ended) return refused('INVALID_TRANSITION');
      this.touch(lease, command.state);
      if (command.state === 'idle' && lease.agent.draining) this.end(lease, 'drained');
    } else if (!ended) {
      this.end(lease, 'released');
    }
    return { outcome: 'lease', lease: leaseView(this, lease) };
  }
}
