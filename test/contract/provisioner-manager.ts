/**
 * A manager to be killed: starts agents, prints their pids, and stays.
 *
 *     node provisioner-manager.ts POOL_ID LOG_DIRECTORY LAUNCHES_FILE
 */
import { readFileSync, writeSync } from 'node:fs';
import { ProcessProvisioner } from '../../src/adapters/provisioners/process/process-provisioner.ts';
import type { AgentLaunch } from '../../src/host/provisioner.ts';

const [poolId = '', logDirectory = '', file = ''] = process.argv.slice(2);
const launches = JSON.parse(readFileSync(file, 'utf8')) as AgentLaunch[];

const print = (text: string) => writeSync(1, `${text}\n`);

const provisioner = new ProcessProvisioner({ poolId, url: 'http://127.0.0.1:8080', logDirectory });
for (const launch of launches) print(`${launch.agentId} ${await provisioner.start(launch)}`);
print('started');
setInterval(() => undefined, 1_000);
