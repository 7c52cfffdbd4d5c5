/**
 * The cheapest client that speaks enough HTTP for our own server: connections that stay open, one
 * request at a time on each, answers with a content-length. A general client spends several times
 * as long on a request, and on a shared machine that would be measured as the server's slowness.
 */
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

type Done = (error: Error | null, status: number, body: string) => void;

interface Pending {
  readonly bytes: string;
  readonly done: Done;
}

const HEAD_END = '\r\n\r\n';
const STATUS_AT = 'HTTP/1.1 '.length;
const LENGTH = /\r\ncontent-length: *(\d+)/i;

class Connection {
  readonly #socket: Socket;
  readonly #onFree: (connection: Connection) => void;
  #done: Done | null = null;
  #buffer: Buffer | null = null;
  #bodyAt = -1;
  #end = 0;

  constructor(port: number, onFree: (connection: Connection) => void, onGone: () => void) {
    this.#onFree = onFree;
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (data) => this.#take(data));
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => {
      this.#finish(new Error('the connection was closed before the answer'));
      onGone();
    });
  }

  send({ bytes, done }: Pending): void {
    this.#done = done;
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    const buffer = this.#buffer === null ? data : Buffer.concat([this.#buffer, data]);
    this.#buffer = buffer;
    if (this.#bodyAt < 0) {
      const headEnd = buffer.indexOf(HEAD_END);
      if (headEnd < 0) return;
      const length = LENGTH.exec(buffer.toString('latin1', 0, headEnd + 2))?.[1];
      if (length === undefined) {
        this.#finish(new Error('an answer without content-length'));
        this.#socket.destroy();
        return;
      }
      this.#bodyAt = headEnd + HEAD_END.length;
      this.#end = this.#bodyAt + Number(length);
    }
    if (buffer.length < this.#end) return;
    const status = Number(buffer.toString('latin1', STATUS_AT, STATUS_AT + 3));
    const body = buffer.toString('utf8', this.#bodyAt, this.#end);
    this.#finish(null, status, body);
  }

  #finish(error: Error | null, status = 0, body = ''): void {
    const done = this.#done;
    this.#done = null;
    this.#buffer = null;
    this.#bodyAt = -1;
    done?.(error, status, body);
    if (error === null) this.#onFree(this);
  }
}

export class HttpClient {
  readonly #port: number;
  readonly #limit: number;
  readonly #free: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** In order of their sending; those before `#next` have been taken. */
  #waiting: Pending[] = [];
  #next = 0;

  constructor(port: number, connections: number) {
    this.#port = port;
    this.#limit = connections;
  }

  /** Requests that wait for a connection. */
  get backlog(): number {
    return this.#waiting.length - this.#next;
  }

  send(method: string, path: string, body: string, done: Done): void {
    const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n`;
    const content =
      body === ''
        ? ''
        : `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    const pending = { bytes: `${head}${content}\r\n${body}`, done };
    const connection = this.#free.pop() ?? this.#open();
    if (connection) connection.send(pending);
    else this.#waiting.push(pending);
  }

  call(method: string, path: string, body = ''): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.send(method, path, body, (error, status, text) => {
        if (error) reject(error);
        else resolve({ status, body: text });
      });
    });
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #open(): Connection | null {
    if (this.#all.size >= this.#limit) return null;
    const connection = new Connection(
      this.#port,
      (free) => this.#freed(free),
      () => this.#gone(connection),
    );
    this.#all.add(connection);
    return connection;
  }

  #freed(connection: Connection): void {
    const pending = this.#take();
    if (pending) connection.send(pending);
    else this.#free.push(connection);
  }

  #gone(connection: Connection): void {
    this.#all.delete(connection);
    const index = this.#free.indexOf(connection);
    if (index >= 0) this.#free.splice(index, 1);
    const pending = this.#take();
    if (pending) this.#open()?.send(pending);
  }

  #take(): Pending | undefined {
    const pending = this.#waiting[this.#next];
    if (pending === undefined) return undefined;
    this.#next += 1;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    return pending;
  }
}
