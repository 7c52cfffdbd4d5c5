/** A WebSocket as tests use it: frames are awaited by what they say, and checked for their shape. */
import { WebSocket } from 'ws';
import { AGENT_SUBPROTOCOL, POOL_FRAMES } from '../../src/protocol/agent-frames.ts';
import { CLIENT_PUSHES, CLIENT_SUBPROTOCOL } from '../../src/protocol/client-frames.ts';
import { findFaults, type SchemaNode } from '../../src/protocol/faults.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every shape.
export type Frame = any;

const WITHIN_MS = 15_000;

class TestSocket {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  #wake: () => void = () => {};

  constructor(url: string, subprotocol: string, check: (frame: Frame) => void) {
    this.socket = new WebSocket(url.replace(/^http/, 'ws'), subprotocol);
    this.socket.on('message', (data) => {
      const value = JSON.parse(String(data));
      for (const frame of Array.isArray(value) ? value : [value]) {
        check(frame);
        this.frames.push(frame);
      }
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        resolve({ code, reason: String(reason) });
        this.#wake();
      });
    });
  }

  opened(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => resolve(this));
      this.socket.once('error', reject);
    });
  }

  send(...frames: Frame[]): void {
    for (const frame of frames) this.socket.send(JSON.stringify(frame));
  }

  /** Takes the first frame that fits out of those that have come, or waits for it. */
  async next(fits: (frame: Frame) => boolean): Promise<Frame> {
    const deadline = Date.now() + WITHIN_MS;
    for (;;) {
      const at = this.frames.findIndex(fits);
      if (at !== -1) return this.frames.splice(at, 1)[0];
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no such frame; there are ${JSON.stringify(this.frames)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): Promise<unknown> {
    this.socket.close();
    return this.closed;
  }
}

export class TestRunner extends TestSocket {
  readonly runnerId: string;

  constructor(url: string, runnerId: string) {
    super(`${url}/v1/agents/connect`, AGENT_SUBPROTOCOL, (frame) => {
      expectShape(POOL_FRAMES, 'type', frame);
    });
    this.runnerId = runnerId;
  }

  async hello(...agents: (string | object)[]): Promise<Frame> {
    this.send({
      type: 'hello',
      runner_id: this.runnerId,
      agents: agents.map((agent) => (typeof agent === 'string' ? { agent_id: agent } : agent)),
    });
    return this.type('welcome');
  }

  type(type: string): Promise<Frame> {
    return this.next((frame) => frame.type === type);
  }

  /** Waits for work and takes it. */
  async accept(): Promise<Frame> {
    const { lease } = await this.type('assign');
    this.send({ type: 'accepted', lease_id: lease.lease_id, token: lease.token });
    return lease;
  }
}

export class TestClient extends TestSocket {
  #id = 0;

  constructor(url: string) {
    super(`${url}/v1/connect`, CLIENT_SUBPROTOCOL, (frame) => {
      if ('push' in frame) expectShape(CLIENT_PUSHES, 'push', frame);
    });
  }

  async call(call: string, more: object = {}): Promise<Frame> {
    const id = this.#id++;
    this.send({ id, call, ...more });
    return this.next((frame) => frame.id === id);
  }

  lease(tenant: string, more: object = {}): Promise<Frame> {
    return this.call('lease', { body: { tenant, ...more } });
  }

  pushed(push: string): Promise<Frame> {
    return this.next((frame) => frame.push === push);
  }
}

function expectShape(schemas: object, key: string, frame: Frame): void {
  const schema = (schemas as { [kind: string]: SchemaNode })[frame[key]];
  if (schema === undefined) throw new Error(`an unknown frame: ${JSON.stringify(frame)}`);
  const { faults } = findFaults(schema, frame);
  if (faults.length > 0) throw new Error(`${JSON.stringify(frame)}: ${JSON.stringify(faults)}`);
}

export async function runnerOn(url: string, runnerId: string): Promise<TestRunner> {
  return new TestRunner(url, runnerId).opened();
}

export async function clientOn(url: string): Promise<TestClient> {
  return new TestClient(url).opened();
}
