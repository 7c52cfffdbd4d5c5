/** Requests byte by byte, for what no HTTP client would send. */
import { connect } from 'node:net';

export interface RawReply {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the bytes and reads until the server closes, or `ms` after the last byte. */
export function sendRaw(port: number, bytes: string | Buffer, ms = 2_000): Promise<RawReply> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(ms, () => socket.destroy());
    socket.on('data', (data) => {
      text += data.toString('utf8');
    });
    socket.on('error', (error) => (text === '' ? reject(error) : socket.destroy()));
    socket.on('close', () => {
      const [head = '', ...rest] = text.split('\r\n\r\n');
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
      resolve({ status, head, body: rest.join('\r\n\r\n') });
    });
  });
}

export function rawRequest(
  method: string,
  path: string,
  body: string | Buffer = '',
  headers: readonly string[] = ['content-type: application/json'],
): Buffer {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'host: localhost',
    ...headers,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(body)]);
}
