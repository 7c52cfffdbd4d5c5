/** Every HTTP call, in the order in which the documentation shows them. */
import { agentEndpoints } from './agent-endpoints.ts';
import { autoscalerEndpoints } from './autoscaler-endpoints.ts';
import type { Endpoint } from './endpoint.ts';
import { leaseEndpoints } from './lease-endpoints.ts';
import { poolEndpoints } from './pool-endpoints.ts';

export const ENDPOINTS: readonly Endpoint[] = [
  ...Object.values(leaseEndpoints),
  ...Object.values(agentEndpoints),
  ...Object.values(autoscalerEndpoints),
  ...Object.values(poolEndpoints),
];
