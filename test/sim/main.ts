/** `npm run sim`: see docs/how-to/simulation-test.md. */
import { simulate } from './simulate.ts';
const [seed = '1', steps = '300'] = process.argv.slice(2);
const r = await simulate({ seed: Number(seed), steps: Number(steps), keepsFrames: process.argv[4]==='f' });
const { plan, story, ...rest } = r;
if (rest.violation) process.stdout.write(`${story.slice(-Number(process.argv[5]??60)).join('\n')}\n`);
process.stdout.write(`${JSON.stringify(rest, null, 1)}\n${Math.round(rest.commands / rest.tookMs * 1000)} commands/s\n`);
