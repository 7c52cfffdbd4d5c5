/** `remuda simulate`: how would the pool do for so many tenants? */
import { Command, InvalidArgumentError, Option } from 'commander';
import { IDLE_POLICIES, type IdlePolicy } from '../../core/words.ts';
import {
  LEAST_HOURS,
  MOST_ACTIVE,
  MOST_AGENTS,
  MOST_AGENTS_PER_TENANT,
  MOST_HOURS,
  MOST_TENANTS,
  SCENARIOS,
  type ScenarioName,
} from '../../sim/simulate/options.ts';
import type { CliContext } from '../context.ts';
import { ToldFailure } from '../failure.ts';
import { amount, type JsonOptions, wholeNumber, withExample, withJson } from '../options.ts';

export interface SimulateOptions extends JsonOptions {
  readonly scenario?: ScenarioName;
  readonly tenants?: number;
  readonly agents?: number;
  readonly active?: number;
  readonly agentsPerTenant?: number;
  readonly hours: number;
  readonly seed: number;
  readonly idlePolicy: IdlePolicy;
  readonly report?: string;
}

const SCENARIO_HELP = `
Scenarios:
${Object.entries(SCENARIOS)
  .map(([name, { tenants, agents, active, agentsPerTenant }]) => {
    const words = `${active * 100} % of ${tenants.toLocaleString('en-US')} tenants`;
    return `  ${name.padEnd(8)}${words}, ${agentsPerTenant} each, ${agents.toLocaleString('en-US')} agents`;
  })
  .join('\n')}`;

export function simulateCommand(context: CliContext): Command {
  const scenario = new Option('--scenario <name>', 'a world that is known by name; see below');
  const policy = new Option('--idle-policy <policy>', 'how long idle leases are kept');
  const command = new Command('simulate')
    .description('run a made-up workload through a pool, in virtual time')
    .option('--tenants <n>', 'how many there are', wholeNumber(1, MOST_TENANTS))
    .option('--agents <n>', 'agents in the pool', wholeNumber(1, MOST_AGENTS))
    .option('--active <share>', 'the mean share of tenants with a session at a time (0.05)', share)
    .option(
      '--agents-per-tenant <n>',
      'the mean number of agents that a session wants (1)',
      perTenant,
    )
    .option('--hours <n>', 'how long, from a Monday midnight UTC on', duration, 24)
    .option('--seed <n>', 'another seed, another world', wholeNumber(0), 1)
    .addOption(scenario.choices(Object.keys(SCENARIOS)))
    .addOption(policy.choices(IDLE_POLICIES).default(IDLE_POLICIES[0]))
    .option('--report <file>', 'write a page with pictures, HTML');
  withJson(command).addHelpText('after', SCENARIO_HELP);
  withExample(
    command,
    'remuda simulate --tenants 10000 --agents 800',
    'remuda simulate --scenario low --agents 70000 --report low.html',
  );
  return command.action(async (options: SimulateOptions) => {
    const { runSimulation } = await import('../simulate-run.ts');
    const report = await runSimulation(context, options);
    if (options.json) await context.out.json(report);
    else {
      const { simulationLines } = await import('../simulate-report.ts');
      for (const line of simulationLines(report)) await context.out.print(line);
    }
    // The result names them; a script must not have to read it to learn that the pool is broken.
    if (report.invariant_violations > 0) throw new ToldFailure();
  });
}

function share(text: string): number {
  const value = amount(text);
  if (value > 0 && value <= MOST_ACTIVE) return value;
  throw new InvalidArgumentError(`It must be above 0 and at most ${MOST_ACTIVE}.`);
}

function perTenant(text: string): number {
  const value = amount(text);
  if (value >= 1 && value <= MOST_AGENTS_PER_TENANT) return value;
  throw new InvalidArgumentError(`It must be from 1 to ${MOST_AGENTS_PER_TENANT}.`);
}

function duration(text: string): number {
  const value = amount(text);
  if (value >= LEAST_HOURS && value <= MOST_HOURS) return value;
  throw new InvalidArgumentError(`It must be from ${LEAST_HOURS} to ${MOST_HOURS}.`);
}
