/** What goes wrong in one step, drawn by the chances of the plan. */
import type { Connection } from './network.ts';
import type { Fault } from './plan.ts';
import type { Random } from './random.ts';
import type { SimProcess } from './scheduler.ts';
import type { World } from './world.ts';

type Act = (world: World, random: Random) => void;

const ACTS: { readonly [fault in Exclude<Fault, 'disk' | 'rot' | 'clock'>]: Act } = {
  crash: (world, random) => world.restart(random.chance(0.3)),
  takeover: (world, random) => {
    const former = world.takeOver();
    if (former !== null) stop(world, former.process, random.between(200, 20_000));
  },
  full: (world) => {
    world.disk.isFull = true;
    world.tell('the disk is full');
  },
  cut: (world, random) => {
    const connection = anyConnection(world, random);
    if (connection === null) return;
    world.tell(`the connection of ${connection.client.name} is cut`);
    connection.cut();
  },
  silence: (world, random) => {
    const connection = anyConnection(world, random);
    if (connection === null) return;
    world.tell(`the connection of ${connection.client.name} falls silent`);
    connection.fallSilent();
  },
  slow: (world, random) => {
    world.networkDelayMs = random.pick([1, 20, 150, 1_500]);
  },
  pause: (world, random) => {
    const runners = world.runners.map(({ process }) => process);
    const clients = world.clients.map(({ process }) => process);
    const agents = [...world.primary.machine.processes.values()].map(({ process }) => process);
    const process = random.pick([
      ...runners,
      ...runners,
      ...clients,
      ...agents,
      world.primary.process,
    ]);
    if (process.isPaused || !process.isAlive) return;
    const isManager = process === world.primary.process;
    stop(world, process, random.between(50, isManager ? 4_000 : 45_000));
  },
  runners: (world, random) => {
    const runner = random.pick(world.runners);
    if (runner.isGone) {
      world.tell(`${runner.id} starts`);
      runner.start();
    } else if (random.chance(0.5)) {
      world.tell(`${runner.id} dies`);
      runner.die();
    } else {
      runner.connectAgain();
    }
  },
  agents: (world, random) => {
    const runner = random.pick(world.runners);
    if (!runner.isGone) runner.act(random);
  },
  processes: ({ primary: { machine }, plan }, random) => {
    const processes = [...machine.processes.values()];
    const [ports] = plan.kinds.map((kind) => kind.ports);
    if (processes.length === 0 || random.chance(0.2)) {
      if (!ports) return;
      const port = random.between(ports[0], ports[1]);
      if (!machine.foreign.delete(port)) machine.foreign.add(port);
      return;
    }
    const process = random.pick(processes);
    if (random.chance(0.6)) machine.die(process, 'signal SIGKILL');
    else process.isHung = !process.isHung;
  },
  operator: (world, random) => {
    world.scheduler.soon(world.operator.process, () => world.operator.act(random));
  },
};

export function disturb(world: World, random: Random): void {
  const { chances } = world.plan;
  if (world.disk.isFull && random.chance(0.1)) world.disk.free();
  for (const [fault, act] of Object.entries(ACTS)) {
    if (random.chance(chances[fault as Fault])) act(world, random);
  }
}

/** A process stops for a while; it notices nothing. */
function stop(world: World, process: SimProcess, ms: number): void {
  const { scheduler } = world;
  world.tell(`${process.name} stops for ${ms} ms`);
  scheduler.pause(process);
  scheduler.after(world.ground, ms, () => {
    world.tell(`${process.name} goes on`);
    scheduler.resume(process);
  });
}

function anyConnection(world: World, random: Random): Connection | null {
  const { primary, former } = world;
  const all = [...primary.connections, ...(former?.connections ?? [])];
  return all.length === 0 ? null : random.pick(all);
}
