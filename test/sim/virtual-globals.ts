/**
 * While a world runs, the timers of the platform are those of the world, and what would let the
 * real world in (the date, random numbers) throws.
 */
import type { Scheduler } from './scheduler.ts';

type Globals = { [name: string]: unknown };

/** Returns what puts everything back. */
export function virtualise(scheduler: Scheduler): () => void {
  const globals = globalThis as unknown as Globals;
  const restore: (() => void)[] = [];
  const replace = (target: object, name: string, value: unknown): void => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
    restore.push(() => {
      if (before === undefined) delete (target as Globals)[name];
      else Object.defineProperty(target, name, before);
    });
  };
  const inProcess = (what: string) => {
    if (scheduler.current === null) throw new Error(`${what} was used outside of any process`);
    return scheduler.current;
  };
  const handle = (cancel: () => void) => {
    const timer = { cancel, ref: () => timer, unref: () => timer, hasRef: () => true };
    return timer;
  };
  type Run = (...args: readonly unknown[]) => void;
  const delayed = (what: string) => (run: Run, ms: number | undefined, args: readonly unknown[]) =>
    scheduler.after(inProcess(what), Math.max(1, ms ?? 1), () => run(...args));
  const once = delayed('setTimeout');
  const often = delayed('setInterval');
  replace(globals, 'setTimeout', (run: Run, ms?: number, ...args: readonly unknown[]) =>
    handle(once(run, ms, args)),
  );
  replace(globals, 'setInterval', (run: Run, ms?: number, ...args: readonly unknown[]) => {
    const plan = (): (() => void) =>
      often(
        () => {
          timer.cancel = plan();
          run(...args);
        },
        ms,
        [],
      );
    const timer = handle(plan());
    return timer;
  });
  replace(globals, 'setImmediate', (run: Run, ...args: readonly unknown[]) =>
    handle(scheduler.soon(inProcess('setImmediate'), () => run(...args))),
  );
  const clear = (timer?: { readonly cancel?: () => void }) => timer?.cancel?.();
  for (const name of ['clearTimeout', 'clearInterval', 'clearImmediate']) {
    replace(globals, name, clear);
  }
  replace(performance, 'now', () => scheduler.clock.now());
  replace(Math, 'random', () => forbidden('Math.random'));
  const RealDate = Date;
  class VirtualDate extends RealDate {
    constructor(...args: readonly unknown[]) {
      if (args.length === 0) forbidden('new Date()');
      super(...(args as [number]));
    }
    static override now(): number {
      return forbidden('Date.now');
    }
  }
  replace(globals, 'Date', VirtualDate);
  return () => {
    for (const each of restore.reverse()) each();
  };
}

function forbidden(what: string): never {
  throw new Error(`${what} was used in the simulated world`);
}
