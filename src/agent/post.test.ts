import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { Poster } from './post.ts';

const REPLY = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}';
const OPTIONS = {
  body: {},
  key: null,
  timeoutMs: 20_000,
  maxBytes: 100,
  signal: new AbortController().signal,
};

/** `answer` gets each request with its number on its connection, from 1. */
async function open(answer: (socket: Socket, nth: number) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let nth = 0;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      if (data.includes('POST')) answer(socket, ++nth);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const poster = new Poster(new URL(`http://127.0.0.1:${port}/`));
  onTestFinished(async () => {
    await poster.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { poster, sockets };
}

test('a kept connection that is closed just then is replaced', async () => {
  const { poster, sockets } = await open((socket, nth) => {
    if (nth === 1) socket.write(REPLY);
    else socket.destroy();
  });
  for (let time = 0; time < 4; time += 1) {
    expect(await poster.post('x', OPTIONS)).toEqual({ status: 200, text: '{}' });
  }
  expect(sockets.size).toBe(4);
});

test('a fresh connection that is cut is a failure', async () => {
  const { poster, sockets } = await open((socket) => socket.destroy());
  await expect(poster.post('x', OPTIONS)).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect(sockets.size).toBe(1);
});

test('an answer that never ends, or never begins, takes no longer than allowed', async () => {
  const { poster } = await open((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{');
  });
  const late = poster.post('x', { ...OPTIONS, timeoutMs: 50 });
  await expect(late).rejects.toMatchObject({ name: 'TimeoutError' });
  const silent = await open(() => {});
  const never = silent.poster.post('x', { ...OPTIONS, timeoutMs: 50 });
  await expect(never).rejects.toMatchObject({ name: 'TimeoutError' });
});

test('an answer that is too long, or no HTTP, is a failure', async () => {
  const long = await open((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 101\r\n\r\n${' '.repeat(101)}`);
  });
  await expect(long.poster.post('x', OPTIONS)).rejects.toThrow('more than 100 bytes');
  const strange = await open((socket) => socket.write('hello\r\n\r\n'));
  await expect(strange.poster.post('x', OPTIONS)).rejects.toThrow('Parse Error');
});
