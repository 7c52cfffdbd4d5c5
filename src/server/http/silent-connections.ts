import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Connections that have sent nothing yet. Node counts them neither as idle nor as busy, so a server
 * that stops would wait for each of them.
 */
export class SilentConnections {
  readonly #open = new Set<Socket>();

  constructor(server: Server) {
    server.on('connection', (socket) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
    });
  }

  close(): void {
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }
}
