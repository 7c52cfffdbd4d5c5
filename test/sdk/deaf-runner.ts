/**
 * A runner as a process, to be stopped and woken up, that does what no good one does: it goes on
 * reporting every lease that it was ever assigned. It says what the pool answers.
 */
import { WebSocket } from 'ws';
import { AGENT_SUBPROTOCOL, type PoolFrame } from '../../src/protocol/agent-frames.ts';

const [url = '', agentId = ''] = process.argv.slice(2);
const leases: { lease_id: string; token: number }[] = [];
const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/agents/connect`, AGENT_SUBPROTOCOL);
const send = (frame: object): void => socket.send(JSON.stringify(frame));
const say = (said: object): void => {
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

socket.on('open', () => {
  const agent = { agent_id: agentId, tier: 'premium' };
  send({ type: 'hello', runner_id: 'deaf', agents: [agent] });
});
socket.on('message', (data) => {
  const frame = JSON.parse(String(data)) as PoolFrame;
  if (frame.type === 'assign') {
    const { lease_id, token } = frame.lease;
    leases.push({ lease_id, token });
    send({ type: 'accepted', lease_id, token });
  }
  say(frame);
});
setInterval(() => {
  for (const lease of leases) send({ type: 'state', state: 'active', ...lease });
}, 20);
