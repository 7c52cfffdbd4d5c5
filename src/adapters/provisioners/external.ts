/** Agents that somebody else starts: systemd, Kubernetes, a person. They register by themselves. */
import {
  type AdoptedAgent,
  type AgentLaunch,
  ProvisionError,
  type Provisioner,
} from '../../host/provisioner.ts';

export class ExternalProvisioner implements Provisioner {
  async adopt(): Promise<readonly AdoptedAgent[]> {
    return [];
  }

  async start({ agentId, specialization }: AgentLaunch): Promise<number> {
    throw new ProvisionError(
      `Agent ${agentId} is not started from here: agents of the specialization ${specialization} come by themselves. Start it where it runs, or give the specialization a command.`,
    );
  }

  async stop(): Promise<void> {}

  async output(): Promise<null> {
    return null;
  }

  async isPortFree(): Promise<boolean> {
    return true;
  }

  onExit(): () => void {
    return () => {};
  }

  async close(): Promise<void> {}
}
