/** The calls about the agents that the pool starts and stops by itself. */
import {
  AutoscalerCheck,
  AutoscalerStats,
  AutoscalerSwitch,
  ScalingEvents,
  ScalingEventsQuery,
} from './autoscaler-schemas.ts';
import { endpoint } from './endpoint.ts';

export const autoscalerEndpoints = {
  getAutoscalerStats: endpoint({
    id: 'getAutoscalerStats',
    method: 'GET',
    path: '/autoscaler/stats',
    tag: 'autoscaler',
    summary: 'Read how many agents of each specialization there are',
    responses: { 200: { description: 'The figures.', schema: AutoscalerStats } },
  }),
  listScalingEvents: endpoint({
    id: 'listScalingEvents',
    method: 'GET',
    path: '/autoscaler/events',
    tag: 'autoscaler',
    summary: 'List what the autoscaler did',
    query: ScalingEventsQuery,
    responses: { 200: { description: 'The newest first.', schema: ScalingEvents } },
  }),
  checkAutoscaler: endpoint({
    id: 'checkAutoscaler',
    method: 'POST',
    path: '/autoscaler/check',
    tag: 'autoscaler',
    summary: 'Check now',
    description: 'Answers once the check is over. Checks never run beside each other.',
    responses: {
      200: {
        description: 'What it did, and why it left the others alone.',
        schema: AutoscalerCheck,
      },
    },
  }),
  enableAutoscaler: endpoint({
    id: 'enableAutoscaler',
    method: 'POST',
    path: '/autoscaler/enable',
    tag: 'autoscaler',
    summary: 'Switch the autoscaler on',
    description: 'The switch outlives a restart.',
    responses: { 200: { description: 'It is on.', schema: AutoscalerSwitch } },
  }),
  disableAutoscaler: endpoint({
    id: 'disableAutoscaler',
    method: 'POST',
    path: '/autoscaler/disable',
    tag: 'autoscaler',
    summary: 'Switch the autoscaler off',
    description: 'The switch outlives a restart.',
    responses: { 200: { description: 'It is off.', schema: AutoscalerSwitch } },
  }),
} as const;
