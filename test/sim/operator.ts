/**
 * Who calls the pool over HTTP: an operator who registers, drains, retires and protects agents and
 * uses the switch of the autoscaler, and agents without a runner, which send heartbeats.
 */
import type { Command } from '../../src/core/command.ts';
import type { Plan } from './plan.ts';
import type { Random } from './random.ts';
import { type Scheduler, SimProcess } from './scheduler.ts';

export interface OperatorWorld {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly tenants: readonly string[];
  /** Agents that the journal has. */
  agents(): readonly string[];
  /** The answer may be lost. */
  tellCommand(from: SimProcess, command: Command): void;
  /** A check of the fleet by hand. */
  checkFleet(from: SimProcess): void;
}

export class Operator {
  readonly process: SimProcess = new SimProcess('operator');
  readonly #world: OperatorWorld;
  /** Agents without a runner that are silent now. */
  readonly #silent = new Set<string>();
  readonly standalone: readonly string[];

  constructor(world: OperatorWorld) {
    this.#world = world;
    this.standalone = Array.from({ length: world.plan.standalone }, (_, i) => `own_${i + 1}`);
  }

  start(): void {
    this.register();
    this.#beat();
  }

  register(): void {
    const { tenants, plan } = this.#world;
    if (this.standalone.length === 0) return;
    const agents = this.standalone.map((agentId, i) => ({
      ...{ agentId, specialization: 'general', tools: ['music'], tier: 'standard' as const },
      ...{ slots: 1 + (i % 3), costPerHour: 0, labels: { host: `h${i % 2}` }, protected: false },
      memberships: plan.options.membership === 'required' ? tenants : [],
    }));
    this.#tell({ type: 'register', agents });
  }

  /** Everybody speaks again, and everything is switched on. */
  calmDown(): void {
    this.#silent.clear();
    this.#tell({ type: 'switch_autoscaler', enabled: true });
    for (const agent of this.#world.agents()) this.#tell({ type: 'resume_agent', agent });
  }

  act(random: Random): void {
    const agents = this.#world.agents();
    const { tenants } = this.#world;
    if (agents.length === 0) return;
    const agent = random.pick(agents);
    const choice = random.between(0, 9);
    switch (choice) {
      case 0:
        this.#tell({ type: 'drain_agent', agent });
        return;
      case 1:
      case 2:
        this.#tell({ type: 'resume_agent', agent });
        return;
      case 3:
        this.#tell({ type: 'retire_agent', agent, force: random.chance(0.4) });
        return;
      case 4: {
        const isProtected = random.chance(0.5);
        this.#tell({ type: 'update_agent', agent, changes: { protected: isProtected } });
        return;
      }
      case 5:
        this.#tell({ type: 'switch_autoscaler', enabled: random.chance(0.7) });
        return;
      case 6:
        if (random.chance(0.5)) this.#silent.delete(agent);
        else this.#silent.add(agent);
        return;
      case 7: {
        const tenant = random.pick(tenants);
        this.#tell({ type: 'set_membership', agent, tenant, member: random.chance(0.7) });
        return;
      }
      case 8:
        this.register();
        return;
      default:
        this.#world.checkFleet(this.process);
    }
  }

  #tell(command: Command): void {
    this.#world.tellCommand(this.process, command);
  }

  #beat(): void {
    const { scheduler, plan } = this.#world;
    const agents = this.standalone
      .filter((agent) => !this.#silent.has(agent))
      .map((agent) => [agent] as const);
    if (agents.length > 0) this.#tell({ type: 'heartbeat', agents });
    const every = plan.options.health.heartbeatTimeoutMs / 4;
    scheduler.after(this.process, every, () => this.#beat());
  }
}
