/**
 * A TCP proxy for what networks do to connections: it cuts them at any step, in either direction,
 * before or after a step has gone through, delays them, and sends a whole connection a second time,
 * behind or beside the one that has taken its place. A step is what arrives at once, as a rule one
 * frame.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';

export interface Fault {
  /** Counted over both directions of all connections of the proxy, from 0. */
  readonly step: number;
  /** `cut before`: what arrives is lost with the connection. `cut after`: it has gone through. */
  readonly kind: 'cut before' | 'cut after' | 'delay' | 'double' | 'late double';
}

/** Long enough for the other side to have gone on, short against every patience of the pool. */
const DELAY_MS = 40;
const GHOST_MS = 300;

export class ChaosProxy {
  readonly url: string;
  steps = 0;
  /** Whether the fault has happened. */
  struck = false;
  readonly #target: number;
  readonly #server: Server;
  readonly #fault: Fault | null;
  readonly #sockets = new Set<Socket>();
  readonly #ghosts: Promise<void>[] = [];

  private constructor(server: Server, port: number, target: number, fault: Fault | null) {
    this.#server = server;
    this.#target = target;
    this.#fault = fault;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async to(target: number, fault: Fault | null): Promise<ChaosProxy> {
    const server = createServer((near) => proxy.#pipe(near));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const proxy: ChaosProxy = new ChaosProxy(server, port, target, fault);
    return proxy;
  }

  /** Resolves when nothing of an old connection can come any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#ghosts);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pipe(near: Socket): void {
    const far = dial(this.#target, '127.0.0.1');
    const sent: Buffer[] = [];
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    near.on('data', (data) => {
      sent.push(data);
      this.#step(near, far, data, sent, end);
    });
    far.on('data', (data) => this.#step(far, near, data, sent, end));
  }

  #step(from: Socket, to: Socket, data: Buffer, sent: readonly Buffer[], end: () => void): void {
    if (this.#fault?.step !== this.steps++) {
      to.write(data);
      return;
    }
    this.struck = true;
    switch (this.#fault.kind) {
      case 'cut before':
        end();
        return;
      case 'cut after':
        to.write(data, () => end());
        return;
      case 'delay':
        from.pause();
        setTimeout(() => {
          to.write(data);
          from.resume();
        }, DELAY_MS);
        return;
      case 'double':
      case 'late double': {
        // All that the connection has said so far is said again, on one of its own.
        to.write(data, () => end());
        const replayed = Buffer.concat(sent);
        this.#ghosts.push(this.#ghost(replayed, this.#fault.kind === 'double' ? 0 : DELAY_MS));
        return;
      }
    }
  }

  async #ghost(data: Buffer, waitMs: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    const far = dial(this.#target, '127.0.0.1');
    this.#sockets.add(far);
    far.on('error', () => {});
    far.resume();
    far.write(data);
    const closed = new Promise<void>((resolve) => far.once('close', () => resolve()));
    setTimeout(() => far.destroy(), GHOST_MS);
    await closed;
  }
}
