/** Whether a port can be listened on, by trying it. */
import { createServer } from 'node:net';

/** Null, or the operating system's code for why not. */
function tryOn(port: number, host: string | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

function words(port: number, host: string, code: string): string {
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is taken by another program. Stop that one, or choose another port`;
    case 'EACCES':
      return `port ${port} is closed to this user. Choose a port from 1024 up`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is not an address of this machine. Choose one that is`;
    case 'EMFILE':
    case 'ENFILE':
      return 'too many files are open. Raise the limit (ulimit -n)';
    default:
      return `port ${port} cannot be listened on (${code}). Choose another port`;
  }
}

export class PortTrials {
  readonly #host: string;
  readonly #running = new Map<number, Promise<string | null>>();

  constructor(host: string) {
    this.#host = host;
  }

  /** What keeps a process from listening there, on this address or on all; null if nothing does. */
  obstacle(port: number): Promise<string | null> {
    // Two trials of one port at a time would be in each other's way.
    const running = this.#running.get(port);
    if (running !== undefined) return running;
    const trial = this.#try(port).finally(() => this.#running.delete(port));
    this.#running.set(port, trial);
    return trial;
  }

  async #try(port: number): Promise<string | null> {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      return `there is no port ${port}. Choose one from 1 to 65535`;
    }
    // Some systems let a program listen on one address while another has the port on all of them.
    const code = (await tryOn(port, this.#host)) ?? (await tryOn(port, undefined));
    return code === null ? null : words(port, this.#host, code);
  }
}
