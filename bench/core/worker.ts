/** One subject in a process of its own: sets up, then does a round for each message. */
import { makeSubject, type Subject } from './subjects.ts';

const [subject, agents, tenants] = process.argv.slice(2);
const { setup, round } = await makeSubject(subject as Subject, Number(agents), Number(tenants));
process.on('message', () => {
  void round().then((result) => process.send?.(result));
});
process.send?.(setup);
