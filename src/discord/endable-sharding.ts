/**
 * The connections of one client, with an end that holds. A client that is destroyed while it is
 * between two connections, or while its first login fails, connects again behind the back of whoever
 * destroyed it. Here a connection that comes up after the end may neither resume nor identify, and is
 * closed.
 */
import { SimpleShardingStrategy, type WebSocketOptions } from 'discord.js';

type Manager = Parameters<NonNullable<WebSocketOptions['buildStrategy']>>[0];

/** What the library declares private, and what an end cannot do without. */
interface Shard {
  readonly connection: { onerror: unknown; readonly readyState: number; terminate(): void } | null;
  destroy(options: { code: number }): Promise<void>;
}

const CONNECTING = 0;
const NORMAL = 1_000;

export class EndableSharding extends SimpleShardingStrategy {
  #shards: readonly Shard[] = [];
  #hasEnded = false;

  constructor(manager: Manager) {
    super(manager);
    const { options } = manager;
    const retrieve = options.retrieveSessionInfo;
    // Without a session, a connection does not resume: it asks whether it may identify.
    options.retrieveSessionInfo = (shard) => (this.#hasEnded ? null : retrieve(shard));
  }

  override async spawn(shardIds: number[]): Promise<void> {
    await super.spawn(shardIds);
    this.#shards = [...(this as unknown as { shards: Map<number, Shard> }).shards.values()];
  }

  /** From now on no connection resumes. The client is destroyed after this. */
  end(): void {
    this.#hasEnded = true;
  }

  /** A connection has come up after the end and may not identify: it is closed. */
  async refuse(signal: AbortSignal): Promise<never> {
    // In a turn of its own: the connection is in the middle of its greeting.
    setImmediate(() => {
      for (const shard of this.#shards) void shard.destroy({ code: NORMAL });
    });
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  }

  override async destroy(...options: Parameters<SimpleShardingStrategy['destroy']>): Promise<void> {
    const connections = this.#shards.map(({ connection }) => connection);
    await super.destroy(...options);
    for (const connection of connections) {
      // One that was not open yet is forgotten by the library, and would stay open.
      if (connection?.readyState !== CONNECTING) continue;
      connection.onerror = () => {};
      connection.terminate();
    }
  }
}
