/**
 * What one check of the fleet costs: heartbeats judged, loads averaged, the decision made and
 * carried out, for 10,000 agents of five specializations; and the memory for each of them.
 *
 *   npm run bench -- check [--json] [--agents 10000]
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { specOf } from '../src/core/fleet.ts';
import { DEFAULT_OPTIONS } from '../src/core/options.ts';
import { Pool } from '../src/core/pool.ts';
import { machine, median, print, report } from './lib/report.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    agents: { type: 'string', default: '10000' },
  },
  allowPositionals: true,
});

// Garbage would count as memory of the agents.
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const CHECKS = 200;
const KINDS = ['research', 'execution', 'analysis', 'planning', 'testing'];
const START = 1_760_000_000_000;
const agents = Number(values.agents);
const each = Math.ceil(agents / KINDS.length);

const before = memory();
const pool = new Pool(DEFAULT_OPTIONS);
const ids: string[] = [];
for (const [nth, name] of KINDS.entries()) {
  const specs = Array.from({ length: each }, (_, i) => {
    const spec = { name, tools: [], slots: 1 };
    return specOf(spec, `${name}_${i + 1}`, 1_024 + nth * each + i, i === 0);
  });
  ids.push(...specs.map(({ agentId }) => agentId));
  pool.execute({ type: 'register', agents: specs }, START);
}
pool.execute({ type: 'heartbeat', agents: ids.map((id) => [id, 0.5]) }, START);
pool.takeEvents();
const bytesAnAgent = Math.round((memory() - before) / ids.length);

const times: number[] = [];
let now = START;
for (let i = 0; i < CHECKS; i++) {
  now += 60_000;
  pool.execute({ type: 'heartbeat', agents: ids.map((id) => [id, 0.5]) }, now);
  const startedAt = performance.now();
  pool.execute(
    {
      type: 'check_fleet',
      countMisses: true,
      onlyReplace: false,
      enabled: true,
      policy: {
        scaleUpThreshold: 0.75,
        scaleDownThreshold: 0.25,
        scaleUpCooldownMs: 300_000,
        scaleDownCooldownMs: 600_000,
        unhealthyThreshold: 3,
        utilizationHigh: 0.9,
        utilizationLow: 0.3,
      },
      kinds: KINDS.map((name) => ({
        name,
        agentName: name,
        tools: [],
        slots: 1,
        min: 1,
        max: each,
        ports: [],
        blocked: null,
      })),
    },
    now,
  );
  times.push(performance.now() - startedAt);
  pool.takeEvents();
}

const round = (ms: number) => Math.round(ms * 1_000) / 1_000;
const figures = {
  check: {
    agents: ids.length,
    first_ms: round(times[0] ?? 0),
    median_ms: round(median(times)),
    worst_ms: round(Math.max(...times)),
    bytes_an_agent: bytesAnAgent,
  },
};
if (values.json) {
  const document = report('check', { figures, peers: {}, ratios: {} });
  process.stdout.write(`${JSON.stringify(document)}\n`);
} else {
  print(
    `One check of the fleet · ${machine()}`,
    Object.entries(figures.check).map(([name, value]) => [name, String(value)]),
  );
}

function memory(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
