/** A pool with the agents that it starts by itself, in trouble; checked after every command. */
import { assert } from '../../src/core/assert.ts';
import type { CheckFleetCommand, Command } from '../../src/core/command.ts';
import { specOf } from '../../src/core/fleet.ts';
import { SCALING_RECORDS_KEPT } from '../../src/core/limits.ts';
import type { FleetOutcome, Outcome } from '../../src/core/outcome.ts';
import { Pool } from '../../src/core/pool.ts';
import type { FleetAgent } from '../../src/core/queries.ts';
import { decodeEvents, encodeEvents } from '../../src/host/codec.ts';
import { type Known, Ledger } from './fleet-ledger.ts';
import { type FleetScript, type FleetStep, type KindPlan, TENANTS } from './fleet-steps.ts';
import { checkInvariants, nothingSeen } from './invariants.ts';
import { START } from './scripts.ts';

/** Checks, a little over a minute apart, until nothing of the trouble may be left. */
const ROUNDS_TO_SETTLE = 30;
const ROUND_MS = 71_000;
const LEAD_MS = 1_000;

export class FleetWorld {
  pool: Pool;
  now: number = START;
  readonly ledger: Ledger;
  readonly told: string[] = [];
  readonly #script: FleetScript;
  readonly #met: Set<string>;
  readonly #seen = nothingSeen();
  /** Agents whose process has ended: they are heard of no more. */
  readonly #dead = new Set<string>();
  /** Those of them of which the pool knows: after a restart the host starts them again. */
  readonly #gone = new Set<string>();
  #tickets = 0;
  #own = 0;

  /** `met` collects what was reached. */
  constructor(script: FleetScript, met: Set<string>) {
    this.#script = script;
    this.#met = met;
    this.ledger = new Ledger(met);
    this.pool = new Pool(script.options);
    const { kinds, policy, enabled } = script;
    this.told.push(JSON.stringify({ kinds, policy, enabled }));
    const agents = kinds
      .filter(({ core }) => core)
      .map((kind) => specOf(kind, coreOf(kind), kind.firstPort, true));
    if (agents.length > 0) this.tell({ type: 'register', agents });
  }

  /** A failure is told with its whole story. */
  live(): void {
    try {
      for (const step of this.#script.steps) this.#take(step);
      this.#settle();
    } catch (error) {
      throw new Error(`${this.told.join('\n')}\n${(error as Error).stack}`);
    }
  }

  #take({ what, after, pick, other, load }: FleetStep): void {
    this.now += after;
    const { kinds } = this.#script;
    const kind = kinds[pick % kinds.length];
    const managed = this.pool.fleetAgents().map(({ agentId }) => agentId);
    const everybody = [...this.ledger.agents.keys()];
    const agent = everybody[pick % Math.max(1, everybody.length)];
    const one = managed[pick % Math.max(1, managed.length)];
    const starting = managed.filter((id) => this.ledger.agent(id).starting);
    const held = [...this.ledger.leases];
    const lease = held[pick % Math.max(1, held.length)];
    switch (what) {
      case 'lease':
      case 'group':
        this.#lease(kind, what === 'group' ? 2 : 1, other);
        return;
      case 'report': {
        if (lease === undefined) return;
        const [id, { token }] = lease;
        this.tell({ type: 'report', lease: id, token, state: load > 0.3 ? 'active' : 'idle' });
        return;
      }
      case 'release':
        if (lease !== undefined) this.tell({ type: 'release', lease: lease[0] });
        return;
      case 'cancel':
        this.tell({
          type: 'cancel_ticket',
          ticket: `tkt-${Math.max(1, this.#tickets - (pick % 3))}`,
        });
        return;
      case 'beat':
        this.#beat(
          this.#alive().filter((_, i) => ((other >> (i % 8)) & 1) === 1),
          load,
        );
        return;
      case 'beat all':
        this.#beat(this.#alive(), load);
        return;
      case 'declare': {
        const health = (['healthy', 'degraded', 'unhealthy'] as const)[other % 3];
        if (agent === undefined || this.#dead.has(agent)) return;
        this.tell({ type: 'heartbeat', agents: [[agent, load]], health });
        return;
      }
      case 'ghost':
        // Sent before its process ended, and heard after.
        if (agent !== undefined) this.#beat([agent], load);
        return;
      case 'lost':
        if (one !== undefined) this.#lose(one);
        return;
      case 'failed':
        if (starting.length > 0) this.#fail(starting[pick % starting.length]);
        return;
      case 'failed late':
        if (one !== undefined) this.#fail(one);
        return;
      case 'starting':
        if (one !== undefined) this.tell({ type: 'agent_starting', agent: one });
        return;
      case 'drain':
        if (agent !== undefined) this.tell({ type: 'drain_agent', agent });
        return;
      case 'resume':
        if (agent !== undefined) this.tell({ type: 'resume_agent', agent });
        return;
      case 'protect':
      case 'unprotect':
        if (agent !== undefined) this.#protect(agent, what === 'protect');
        return;
      case 'retire':
      case 'retire by force':
        if (agent === undefined) return;
        this.tell({ type: 'retire_agent', agent, force: what === 'retire by force' });
        return;
      case 'bring own':
        this.#bringOwn(kind, other);
        return;
      case 'silence':
        this.now += 21_000;
        this.check({});
        return;
      case 'check':
        this.check({});
        return;
      case 'replace':
        this.check({ countMisses: false, onlyReplace: true });
        return;
      case 'check without misses':
        this.check({ countMisses: false });
        return;
      case 'check without ports':
        this.check({}, (each) => (each === kind ? { ports: [] } : {}));
        return;
      case 'check blocked': {
        const blocked = other % 2 === 0 ? 'backing off 3 s left' : 'no port range';
        this.check({}, (each) => (each === kind ? { blocked } : {}));
        return;
      }
      case 'switch on':
      case 'switch off':
        this.tell({ type: 'switch_autoscaler', enabled: what === 'switch on' });
        return;
      case 'restore':
      case 'replay':
        this.#restart(what);
        return;
      case 'tick':
        this.tell({ type: 'tick' });
        return;
    }
  }

  #lease(kind: KindPlan, count: number, other: number): void {
    const tenant = TENANTS[other % TENANTS.length];
    const reuse = other % 3 === 0;
    const priority = other % 5 === 0 ? 'high' : 'normal';
    const any = other % 4 === 1;
    const plain = { type: 'lease', tenant, count, reuse, priority } as const;
    this.tell(any ? plain : { ...plain, specialization: kind.name });
  }

  #protect(agent: string, isProtected: boolean): void {
    this.tell({ type: 'update_agent', agent, changes: { protected: isProtected } });
  }

  #bringOwn({ name, agentName, tools, slots }: KindPlan, other: number): void {
    const agentId = other % 2 === 0 ? `own_${this.#own++}` : `${agentName}_${other % 9}`;
    if (this.ledger.agents.has(agentId)) return;
    const plain = { tier: 'standard', costPerHour: 0, labels: {}, memberships: [] } as const;
    const spec = { ...plain, agentId, specialization: name, tools, slots, protected: false };
    this.tell({ type: 'register', agents: [spec] });
  }

  /** The trouble stops: whoever has a process is heard, checks go on, and nothing stays pending. */
  #settle(): void {
    this.told.push('the trouble stops');
    this.tell({ type: 'switch_autoscaler', enabled: true });
    const core = this.#script.kinds.filter((kind) => kind.core).map(coreOf);
    for (const [id, { draining, retiring }] of this.ledger.agents) {
      if (draining && !retiring) this.tell({ type: 'resume_agent', agent: id });
      if (!core.includes(id)) this.#protect(id, false);
    }
    for (let round = 0; round < ROUNDS_TO_SETTLE; round++) {
      this.now += LEAD_MS;
      this.#beat(this.#alive(), 0.5, round % 2 === 0 ? 'healthy' : undefined);
      for (const [lease, { agent, token }] of this.ledger.leases) {
        // Who leaves has to leave: its port may be the only one.
        if (this.ledger.agent(agent).draining) this.tell({ type: 'release', lease });
        else this.tell({ type: 'report', lease, token, state: 'active' });
      }
      this.now += ROUND_MS - LEAD_MS;
      this.#beat(this.#alive(), 0.5);
      this.check({});
    }
    const { ledger } = this;
    for (const [id, agent] of ledger.agents) {
      if (!isLost(agent)) continue;
      const which = `${agent.draining ? 'draining ' : ''}${id}`;
      assert(ledger.heldBy(id).length === 0, `in the end the lost ${which} holds nothing`);
      assert(!agent.managed, `in the end the lost ${which} is there no more`);
    }
    for (const [by, old] of this.pool.state.scaling.dump().replacements) {
      const isNew = ledger.agents.get(by)?.starting === true && this.#startedAt(by) === this.now;
      assert(isNew, `in the end ${by} does not replace ${old} for ever`);
    }
    for (const [id, { starting }] of ledger.agents) {
      // Those that the last check has just started have not been heard yet.
      assert(!starting || this.#startedAt(id) === this.now, `in the end ${id} has started`);
    }
    for (const kind of this.#script.kinds) {
      const count = this.#count(kind);
      assert(count >= Math.min(kind.min, kind.max), `in the end ${kind.name} has its minimum`);
      assert(count <= kind.max, `in the end ${kind.name} keeps to its maximum`);
    }
  }

  #startedAt(id: string): number | undefined {
    return this.ledger.all.findLast(
      (event) =>
        (event.type === 'agent_registered' || event.type === 'agent_starting') &&
        event.agent === id,
    )?.at;
  }

  check(
    more: Partial<CheckFleetCommand>,
    change: (kind: KindPlan) => { ports?: number[]; blocked?: string } = () => ({}),
  ): FleetOutcome {
    const taken = new Set([...this.ledger.agents.values()].map(({ port }) => port));
    const kinds = this.#script.kinds.map((kind) => {
      const { name, agentName, tools, slots, min, max, firstPort } = kind;
      const ports: number[] = [];
      for (let port = firstPort; port < firstPort + kind.ports; port++) {
        if (!taken.has(String(port))) ports.push(port);
      }
      const plain = { name, agentName, tools, slots, min, max, ports, blocked: null };
      return { ...plain, ...change(kind) };
    });
    const outcome = this.tell({
      ...{ type: 'check_fleet', countMisses: true, onlyReplace: false },
      ...{ enabled: this.#script.enabled, policy: this.#script.policy, kinds, ...more },
    });
    assert(outcome.outcome === 'fleet_checked', outcome.outcome);
    return outcome;
  }

  tell(command: Command): Outcome {
    // What time alone brings comes first, so that the rest is the command's doing.
    if (command.type !== 'tick') this.tell({ type: 'tick' });
    const { kinds: _, policy: __, ...shown } = command as CheckFleetCommand;
    if (command.type !== 'tick') this.told.push(`+${this.now - START} ${JSON.stringify(shown)}`);
    const { ledger } = this;
    const replacements = new Map(ledger.replacements);
    const leases = new Map([...ledger.leases].map(([id, held]) => [id, { ...held }]));
    const outcome = this.pool.execute(command, this.now);
    const events = this.pool.takeEvents();
    for (const event of events) {
      this.told.push(`    ${JSON.stringify({ ...event, at: undefined })}`);
      if (event.type === 'ticket_queued') this.#tickets++;
      if (event.type === 'agent_starting' || event.type === 'agent_registered') {
        this.#dead.delete(event.agent);
        this.#gone.delete(event.agent);
      }
      if (event.type === 'agent_health_changed' && event.health !== 'unhealthy') {
        assert(!this.#gone.has(event.agent), `${event.agent} is well only with a process`);
      }
    }
    this.#met.add(command.type).add(outcome.outcome);
    ledger.note(command, events);
    checkInvariants(this.pool.state, this.#seen);
    this.#checkLedger();
    if (outcome.outcome === 'granted') {
      for (const { agentId } of outcome.leases) {
        const { starting } = ledger.agent(agentId);
        assert(!starting, `${agentId} is not given while it starts`);
        assert(!isLost(ledger.agent(agentId)), `${agentId} is not given while it is lost`);
      }
    }
    if (command.type === 'agent_lost' || command.type === 'start_failed') {
      // It may have left while time went on.
      const told = outcome.outcome === 'agent' ? [...outcome.agent.leases].sort().join() : '';
      assert(
        told === ledger.heldBy(command.agent).sort().join(),
        `the answer says what ${command.agent} holds`,
      );
    }
    for (const event of events) {
      if (event.type !== 'agent_started') continue;
      const old = replacements.get(event.agent);
      // Its leases have moved or ended, so nothing keeps it.
      assert(old === undefined || !ledger.agents.has(old), `${old} leaves with its replacement`);
    }
    if (outcome.outcome === 'fleet_checked') {
      this.#checkCheck(command, outcome, leases);
    }
    return outcome;
  }

  #checkLedger(): void {
    const { pool, ledger } = this;
    const fleet = pool.fleet();
    const records = pool.scalingRecords(SCALING_RECORDS_KEPT);
    assert(fleet.recorded === ledger.recorded, 'every record is counted');
    assert(records.length === ledger.recorded, 'the last records are kept');
    for (let i = 1; i < records.length; i++) {
      assert(records[i - 1].at >= records[i].at, 'the newest record comes first');
    }
    assert(fleet.enabled === ledger.enabled, 'the switch stays as it was left');
    for (const { name, lastUpAt, lastDownAt } of fleet.specializations) {
      assert(lastUpAt === (ledger.lastUpAt.get(name) ?? null), `${name} has grown then`);
      assert(lastDownAt === (ledger.lastDownAt.get(name) ?? null), `${name} has shrunk then`);
    }
    const managed = [...ledger.agents].filter(([, { managed }]) => managed);
    const shown = new Map(pool.fleetAgents().map((agent) => [agent.agentId, agent]));
    assert(managed.length === shown.size, 'all managed agents are shown');
    for (const [id, known] of managed) {
      const agent = shown.get(id) as FleetAgent;
      assert(agent.isStarting === known.starting, `${id} is shown as starting`);
      assert(agent.isLost === (isLost(known) && !known.draining), `${id} is shown as lost`);
      assert(agent.port === Number(known.port), `${id} is shown with its port`);
    }
    const pairs = (map: Iterable<readonly [string, string]>) => JSON.stringify([...map].sort());
    const { replacements } = pool.state.scaling.dump();
    assert(pairs(replacements) === pairs(ledger.replacements), 'it is known who replaces whom');
  }

  #checkCheck(
    command: Command,
    { actions, skipped, enabled }: FleetOutcome,
    before: ReadonlyMap<string, { agent: string; state: string }>,
  ): void {
    if (command.type !== 'check_fleet') return;
    const { ledger } = this;
    assert(enabled === (ledger.enabled ?? this.#script.enabled), 'the switch decides');
    for (const kind of this.#script.kinds) {
      const own = actions.filter(({ specialization }) => specialization === kind.name);
      const reasons = skipped.filter(({ specialization }) => specialization === kind.name);
      const isTold = own.length + reasons.length > 0;
      assert(command.onlyReplace || isTold, `something is said of ${kind.name}`);
      assert(reasons.length <= 1, `at most one thing is said against ${kind.name}`);
      for (const { reason } of reasons) this.#met.add(`skipped ${reason.replace(/[\d.]+/g, 'N')}`);
      const grows = own.some(({ kind: type, agent, replaces }) => {
        return type === 'scale_up' || (replaces !== undefined && replaces !== agent);
      });
      assert(!grows || this.#count(kind) <= kind.max, `${kind.name} grows to its maximum at most`);
    }
    for (const { kind, agent } of actions) {
      if (kind !== 'scale_down') continue;
      for (const [lease, { agent: holder, state }] of before) {
        const kept = ledger.leases.has(lease);
        assert(holder !== agent || state === 'idle' || kept, `${lease} on ${agent} goes on`);
      }
    }
    for (const [id, agent] of ledger.agents) {
      const held = ledger.heldBy(id);
      if (!isLost(agent) || held.length === 0) continue;
      const isComing = [...ledger.replacements].some(
        ([by, old]) => old === id && ledger.agent(by).starting,
      );
      assert(isComing, `somebody comes for ${id}, which holds ${held.join()}`);
      this.#met.add('a lost agent holds leases');
    }
  }

  #count({ name }: KindPlan): number {
    return [...this.ledger.agents.values()].filter(
      (agent) => agent.kind === name && !agent.draining && !isLost(agent),
    ).length;
  }

  #alive(): string[] {
    return [...this.ledger.agents.keys()].filter((id) => !this.#dead.has(id));
  }

  #beat(ids: readonly string[], load: number, health?: 'healthy'): void {
    const agents = ids.map((id) => [id, load] as const);
    this.tell({ type: 'heartbeat', agents, ...(health !== undefined && { health }) });
  }

  #lose(agent: string): void {
    this.#dead.add(agent);
    this.#gone.add(agent);
    this.tell({ type: 'agent_lost', agent, because: 'Process exited: signal SIGKILL' });
  }

  #fail(agent: string): void {
    this.#dead.add(agent);
    this.#gone.add(agent);
    this.tell({ type: 'start_failed', agent, because: 'no such program' });
  }

  /** A pool that is rebuilt is the same, byte for byte; then it goes on in the other's place. */
  #restart(how: 'restore' | 'replay'): void {
    this.told.push(how);
    this.#gone.clear();
    const original = written(this.pool);
    const restored = new Pool(this.#script.options);
    restored.restore(structuredClone(this.pool.dump()));
    const replayed = new Pool(this.#script.options);
    replayed.apply(decodeEvents(encodeEvents(this.ledger.all)));
    assert(written(restored) === original, 'a pool made of a dump is the same');
    assert(written(replayed) === original, 'a pool made of the events is the same');
    this.pool = how === 'restore' ? restored : replayed;
    checkInvariants(this.pool.state, nothingSeen());
    this.pool.resume(this.now);
    this.#checkLedger();
    this.#met.add(how);
  }
}

function coreOf({ agentName }: KindPlan): string {
  return `${agentName}_1`;
}

function isLost({ health }: Known): boolean {
  return health === 'unhealthy';
}

/** All that is durable, columns as lists. */
function written(pool: Pool): string {
  const { columns, names, data } = pool.dump();
  const lists = Object.entries(columns).map(([table, each]) => [
    table,
    Object.entries(each).map(([name, column]) => [name, [...column]]),
  ]);
  return JSON.stringify({ lists, names, data });
}
