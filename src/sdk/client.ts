/**
 * `remuda/client`: agents for tenants.
 *
 *     const pool = await connect('http://127.0.0.1:8766');
 *     const lease = await pool.lease({ tenant: 'guild-42', tools: ['music'] });
 */
import { ConnectedPool } from './client/pool.ts';
import type { ConnectOptions, Pool } from './client/types.ts';
import { raced } from './net/wait.ts';

export type {
  CallOptions,
  ConnectOptions,
  GroupRequest,
  Lease,
  LeaseEvents,
  LeaseFilter,
  LeaseRequest,
  Pool,
  Preview,
  PreviewRequest,
  RequestFields,
} from './client/types.ts';
export * from './errors.ts';
export type { SocketEvent, WebSocketClass, WebSocketLike } from './net/socket.ts';
export type * from './words.ts';

/**
 * Connects to a pool and stays connected until `close()`. Rejects with a ConnectionError when the
 * pool cannot be reached for `retryForSec`, and at once when it refuses the key.
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Pool> {
  options.signal?.throwIfAborted();
  const pool = new ConnectedPool(url, options);
  try {
    await raced(pool.open(), options.signal);
  } catch (error) {
    await pool.close();
    throw error;
  }
  return pool;
}
