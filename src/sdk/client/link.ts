/** One way to the pool that works now: a socket, or HTTP. */
import type { RemudaError } from '../errors.ts';
import type { Call, ClientPush } from '../wire.ts';

export interface LinkListener {
  answer(id: number, status: number, body: unknown): void;
  push(push: ClientPush): void;
  /** This call has no answer, and may have been carried out or not; the link itself goes on. */
  lost(id: number, error: RemudaError): void;
  /** Told once; nothing is told after it. What has no answer may have been carried out or not. */
  down(error: RemudaError): void;
}

export interface Link {
  readonly kind: 'socket' | 'http';
  send(id: number, call: Call): void;
  /** Nothing is told after it. */
  close(): void;
}
