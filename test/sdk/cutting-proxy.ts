/** A TCP proxy that cuts connections, swallows what goes through, or refuses upgrades. */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export class CuttingProxy {
  readonly url: string;
  /** Connections that were opened through it. */
  opened = 0;
  /** New connections are refused, as by a machine that is not there. */
  isDown = false;
  /** Upgrades are answered as by a proxy that knows only requests and answers. */
  refusesUpgrades = false;
  /** What the pool answers is lost, and the connection cut with it. */
  losesAnswers: ((text: string) => boolean) | null = null;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #dead = new WeakSet<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async to(target: number): Promise<CuttingProxy> {
    const server = createServer((near) => proxy.#pipe(near, target));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const proxy: CuttingProxy = new CuttingProxy(server, port);
    onTestFinished(() => proxy.#close());
    return proxy;
  }

  /** Cuts every connection that is open. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing comes through what is open: the other end has vanished without a word. */
  swallow(): void {
    for (const socket of this.#sockets) this.#dead.add(socket);
  }

  #pipe(near: Socket, target: number): void {
    if (this.isDown) {
      near.destroy();
      return;
    }
    this.opened++;
    const far = dial(target, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        if (this.#dead.has(socket)) return;
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (data) => {
      if (this.#dead.has(near)) return;
      if (this.refusesUpgrades && /^upgrade: websocket/im.test(String(data))) {
        near.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      } else far.write(data);
    });
    far.on('data', (data) => {
      if (this.#dead.has(far)) return;
      if (this.losesAnswers?.(String(data))) {
        this.losesAnswers = null;
        near.destroy();
      } else near.write(data);
    });
  }

  #close(): void {
    this.cut();
    this.#server.close();
  }
}
