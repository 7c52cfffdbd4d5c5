/** A connection to write bytes on that no client library would send, and the answers that come. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

export interface Line {
  readonly socket: Socket;
  /** All that has come so far. */
  text: string;
  /** Resolves when the server has closed its side. */
  readonly closed: Promise<void>;
}

export function dial(port: number, allowHalfOpen = false): Line {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  const line: Line = {
    socket,
    text: '',
    closed: new Promise((resolve) => {
      socket.on('end', () => resolve());
      socket.on('close', () => resolve());
    }),
  };
  socket.setEncoding('utf8').on('data', (text: string) => {
    line.text += text;
  });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return line;
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

/** The answers in a stream, each with a content-length. */
export function answersIn(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let rest = Buffer.from(text); rest.length > 0; ) {
    const head = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\n\r\n/.exec(rest.toString('latin1'));
    const length = Number(/content-length: (\d+)/i.exec(head?.[0] ?? '')?.[1]);
    if (head === null || rest.length < head[0].length + length) break;
    const body = rest.subarray(head[0].length, head[0].length + length).toString();
    answers.push({ status: Number(head[1]), json: JSON.parse(body) });
    rest = rest.subarray(head[0].length + length);
  }
  return answers;
}

export async function answersOn(line: Line, count: number): Promise<Answer[]> {
  for (let tries = 0; tries < 500; tries++) {
    const answers = answersIn(line.text);
    if (answers.length >= count) return answers;
    await sleep(10);
  }
  throw new Error(`${count} answers were expected, but there came: ${line.text}`);
}

export function post(path: string, body: string, ...headers: string[]): string {
  const lines = [`POST ${path} HTTP/1.1`, 'host: x', 'content-type: application/json', ...headers];
  return `${lines.join('\r\n')}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
