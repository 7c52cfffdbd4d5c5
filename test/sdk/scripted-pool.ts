/** A pool that says what a test tells it to: for orders of frames that a real one seldom sends. */
import { vi } from 'vitest';
import type { SocketEvent, WebSocketClass } from '../../src/sdk/agent.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every shape.
type Frame = any;
type Listener = (event: SocketEvent) => void;

export class ScriptedPool {
  /** What was said to the pool, on all connections. */
  readonly said: Frame[] = [];
  /** Sizes of the frames in bytes. */
  readonly sizes: number[] = [];
  connections = 0;
  /** What the pool answers a frame with. */
  answer: (frame: Frame) => readonly Frame[] = () => [];
  #emit: (type: string, event?: Partial<SocketEvent>) => void = () => {};

  readonly webSocket: WebSocketClass = this.#socketClass();

  say(...frames: Frame[]): void {
    for (const frame of frames) this.#emit('message', { data: JSON.stringify(frame) });
  }

  cut(code = 1006, reason = ''): void {
    this.#emit('close', { code, reason });
  }

  /** The frames of this kind, as soon as there are so many. */
  async heard(type: string, count = 1): Promise<Frame[]> {
    const fits = () => this.said.filter((frame) => frame.type === type || frame.call === type);
    await vi.waitFor(() => {
      if (fits().length < count) throw new Error(`${fits().length} ${type}`);
    });
    return fits();
  }

  #socketClass(): WebSocketClass {
    const pool = this;
    return class {
      readonly #listeners = new Map<string, Listener[]>();

      constructor() {
        pool.connections++;
        pool.#emit = (type, event) => {
          for (const listener of this.#listeners.get(type) ?? []) listener({ type, ...event });
        };
        setTimeout(() => pool.#emit('open'));
      }

      addEventListener(type: string, listener: Listener): void {
        this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
      }

      send(text: string): void {
        pool.sizes.push(new TextEncoder().encode(text).length);
        const value = JSON.parse(text);
        for (const frame of Array.isArray(value) ? value : [value]) {
          pool.said.push(frame);
          const answers = pool.answer(frame);
          setTimeout(() => pool.say(...answers));
        }
      }

      close(): void {}
    };
  }
}

/** A lease as the pool describes it. */
export function wireLease(more: object = {}): Frame {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    ...{ lease_id: 'l-1', tenant: 'guild', agent_id: 'a', purpose: 'general', tools: [] },
    ...{ state: 'allocated', token: 1, warm: false, allocated_at: at, last_activity_at: at },
    ...{ idle_timeout_sec: 900, expires_at: at, metadata: {} },
    ...more,
  };
}
