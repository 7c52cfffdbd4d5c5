/** A runner in a process of its own, to be stopped and woken: `node runner-process.ts URL AGENT`. */
import { runAgents } from '../../src/sdk/agent.ts';

const [url = '', agentId = ''] = process.argv.slice(2);
const runner = await runAgents({
  url,
  agents: [{ agentId }],
  onAssign: async (lease, { signal }) => {
    console.log(`begins ${lease.tenant}`);
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    console.log(`ends ${lease.tenant} ${signal.reason.reason}`);
  },
  onError: (error) => console.log(error.message),
});
process.once('SIGTERM', () => void runner.close());
await runner.done;
