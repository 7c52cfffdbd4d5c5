/** A Redis of our own on a Unix socket, with its append-only file as the journal. */
import { join } from 'node:path';
import { Redis, type RedisOptions } from 'ioredis';
import { Program, programPath } from './programs.ts';

const PACKAGE = 'redis-server';

/** When the append-only file is synced: once a second, or before each answer. */
export type Fsync = 'everysec' | 'always';

export class RedisServer {
  readonly path: string;
  readonly #program: Program;

  private constructor(directory: string, fsync: Fsync) {
    this.path = join(directory, 'redis.sock');
    const settings = {
      port: '0',
      unixsocket: this.path,
      dir: directory,
      save: '',
      appendonly: 'yes',
      appendfsync: fsync,
      // Never rewritten behind the back of another subject's turn.
      'auto-aof-rewrite-percentage': '0',
    };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
    this.#program = new Program(programPath('redis-server', PACKAGE), args, { cwd: directory });
  }

  static async start(directory: string, fsync: Fsync): Promise<RedisServer> {
    const server = new RedisServer(directory, fsync);
    const client = await server.#program.ready(() => server.connect({ retryStrategy: null }));
    client.disconnect();
    return server;
  }

  async connect(options: RedisOptions = {}): Promise<Redis> {
    const client = new Redis({ path: this.path, lazyConnect: true, ...options });
    // What goes wrong is told by the call that it happens to.
    client.on('error', () => {});
    try {
      await client.connect();
      await client.ping();
      return client;
    } catch (error) {
      client.disconnect();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.#program.stop('SIGTERM');
  }
}
