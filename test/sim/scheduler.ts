/**
 * What happens when, in a world of several processes. One thing happens at a time: a timer, an
 * immediate or something that has arrived, with every promise that follows from it, before the
 * next. Each belongs to a process, which can be stopped for a while or for good in between.
 */
import type { Clock } from '../../src/host/ports.ts';
import { VirtualClock } from '../../src/sim/virtual-clock.ts';

/** Taken before anything is replaced (virtual-globals.ts). */
const nextTurn: typeof setImmediate = globalThis.setImmediate;

/** Things that may come due at one moment. */
const MOST_TURNS = 3_000;

interface Task {
  readonly process: SimProcess;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A process of the world: once it is dead nothing of it ever runs again. */
export class SimProcess {
  readonly name: string;
  isAlive = true;
  isPaused = false;
  /** What has come due while it is stopped. */
  held: Task[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

export class Scheduler {
  readonly clock: VirtualClock;
  /** Whose code runs now; what it sets up belongs to it. */
  current: SimProcess | null = null;
  #ready: Task[] = [];
  #next = 0;
  /** Things that have happened. */
  turns = 0;

  constructor(now: number) {
    this.clock = new VirtualClock(now);
  }

  /** As soon as what is ready before it has happened. */
  soon(process: SimProcess, run: () => void): () => void {
    const task: Task = { process, run, isCancelled: false };
    this.#ready.push(task);
    return () => {
      task.isCancelled = true;
    };
  }

  /** At a time of the virtual clock. */
  at(process: SimProcess, at: number, run: () => void): () => void {
    const task: Task = { process, run, isCancelled: false };
    // Clocks count whole milliseconds.
    const cancel = this.clock.wakeAt(Math.ceil(at), () => this.#run(task));
    return () => {
      task.isCancelled = true;
      cancel();
    };
  }

  after(process: SimProcess, ms: number, run: () => void): () => void {
    return this.at(process, this.clock.now() + ms, run);
  }

  /** Its clock, ahead of the world's by `offset` ms. */
  clockOf(process: SimProcess, offset: number): Clock {
    return {
      now: () => this.clock.now() + offset,
      wakeAt: (at, wake) => this.at(process, at - offset, wake),
    };
  }

  pause(process: SimProcess): void {
    process.isPaused = true;
  }

  /** What has come due meanwhile happens now, in its order. */
  resume(process: SimProcess): void {
    if (!process.isPaused) return;
    process.isPaused = false;
    this.#ready.push(...process.held);
    process.held = [];
  }

  kill(process: SimProcess): void {
    process.isAlive = false;
    process.isPaused = false;
    process.held = [];
  }

  /** Nothing happens but what promises bring. */
  turn(): Promise<void> {
    return turn();
  }

  /** One ready thing happens; false when there is none. */
  async step(): Promise<boolean> {
    if (this.#next === this.#ready.length) {
      this.#ready = [];
      this.#next = 0;
      return false;
    }
    const task = this.#ready[this.#next++];
    if (this.#next > 1_024) {
      this.#ready = this.#ready.slice(this.#next);
      this.#next = 0;
    }
    this.#run(task);
    await turn();
    return true;
  }

  /** Lets time pass, with all that is due in it, until `isOver`. */
  async pass(ms: number, isOver: () => boolean): Promise<void> {
    const until = this.clock.now() + ms;
    let before = this.clock.now();
    let turns = 0;
    for (;;) {
      while (await this.step()) {
        if (isOver()) return;
        if (++turns > MOST_TURNS)
          throw new Error(`time stands still: ${this.current?.name} goes on`);
      }
      if (!this.clock.step(until)) break;
      await turn();
      if (isOver()) return;
      if (this.clock.now() > before) turns = 0;
      before = this.clock.now();
      if (++turns > MOST_TURNS) throw new Error(`time stands still: ${this.current?.name} goes on`);
    }
    this.clock.moveTo(until);
  }

  #run(task: Task): void {
    const { process } = task;
    if (task.isCancelled || !process.isAlive) return;
    if (process.isPaused) {
      process.held.push(task);
      return;
    }
    this.turns++;
    this.current = process;
    task.run();
  }
}

/** All promises that can go on have gone on when this resolves. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    nextTurn(resolve);
  });
}
