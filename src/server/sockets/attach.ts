/** The two WebSocket addresses of the server: who may connect, and what each connection speaks. */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws';
import { AGENT_SUBPROTOCOL } from '../../protocol/agent-frames.ts';
import { CLIENT_SUBPROTOCOL } from '../../protocol/client-frames.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { PROBLEM_TYPE, type Problem, problem } from '../../protocol/problem.ts';
import type { ServerContext } from '../context.ts';
import { foreignOrigin } from '../http/origin.ts';
import { ClientSocket } from './client-socket.ts';
import { CLOSE, Line } from './line.ts';
import { RunnerSocket } from './runner-socket.ts';
import type { Runners } from './runners.ts';
import type { Watches } from './watches.ts';

/** Sockets that have not closed by then are cut. */
const CLOSE_WITHIN_MS = 1_000;

export interface Sockets {
  /** Says goodbye to everybody. */
  stop(): Promise<void>;
}

export function attachSockets(
  server: Server,
  context: ServerContext,
  runners: Runners,
  watches: Watches,
): Sockets {
  const agents = socketServer(AGENT_SUBPROTOCOL, LIMITS.agentFrameBytes);
  const clients = socketServer(CLIENT_SUBPROTOCOL, LIMITS.clientFrameBytes);
  const lines = (socket: WebSocket) => (onText: (text: string) => void, onClose: () => void) =>
    new Line(socket, onText, onClose);
  agents.on('connection', (socket) => new RunnerSocket(context, runners, lines(socket)));
  clients.on('connection', (socket) => new ClientSocket(context, watches, lines(socket)));
  const byPath = new Map([
    ['/v1/agents/connect', { sockets: agents, subprotocol: AGENT_SUBPROTOCOL }],
    ['/v1/connect', { sockets: clients, subprotocol: CLIENT_SUBPROTOCOL }],
  ]);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Until the handshake is done nobody else listens for what goes wrong with the connection.
    const onError = (): void => {
      socket.destroy();
    };
    socket.on('error', onError);
    const [path = ''] = (request.url ?? '').split('?');
    const target = byPath.get(path);
    const refusal =
      target === undefined
        ? problem('NOT_FOUND', `No WebSocket is spoken at ${path}; try /v1/connect.`)
        : refusalOf(request, context, target.subprotocol);
    if (target === undefined || refusal !== null) {
      refuse(socket, refusal ?? problem('NOT_FOUND', 'There is no such address.'));
      return;
    }
    target.sockets.handleUpgrade(request, socket, head, (connection) => {
      socket.off('error', onError);
      target.sockets.emit('connection', connection, request);
    });
  });
  context.sockets.from(() => ({
    runnerSockets: agents.clients.size,
    hostedAgents: runners.agents,
    clientSockets: clients.clients.size,
  }));
  return {
    stop: async () => {
      runners.stop();
      await Promise.all([closeAll(agents), closeAll(clients)]);
    },
  };
}

function socketServer(subprotocol: string, maxPayload: number): WebSocketServer {
  const options: ServerOptions = {
    noServer: true,
    maxPayload,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  };
  return new WebSocketServer(options);
}

/** Why the connection is not taken, or null. */
function refusalOf(
  { headers }: IncomingMessage,
  { config, stopping }: ServerContext,
  subprotocol: string,
): Problem | null {
  if (stopping.isStopping) return problem('NOT_READY', 'The pool is stopping.');
  // A socket can do anything, so it is judged as a call that changes something.
  const foreign = foreignOrigin('POST', headers, config.server.public_url);
  if (foreign !== null) return problem('FORBIDDEN', foreign);
  const offered = headers['sec-websocket-protocol'];
  if (offered === undefined) return null;
  const names = offered.split(',').map((name) => name.trim());
  if (names.includes(subprotocol)) return null;
  return problem('INVALID_REQUEST', `The subprotocol spoken here is ${subprotocol}.`);
}

function refuse(socket: Duplex, refusal: Problem): void {
  const body = JSON.stringify(refusal);
  socket.end(
    [
      `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
      `content-type: ${PROBLEM_TYPE}`,
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

async function closeAll(sockets: WebSocketServer): Promise<void> {
  const open = [...sockets.clients];
  const closed = open.map(
    (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
  );
  for (const socket of open) socket.close(CLOSE.goingAway, 'the pool is stopping');
  const cut = setTimeout(() => {
    for (const socket of open) socket.terminate();
  }, CLOSE_WITHIN_MS);
  await Promise.all(closed);
  clearTimeout(cut);
}
