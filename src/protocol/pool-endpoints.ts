/** The calls about the pool as a whole and the service itself. */
import { Type } from 'typebox';
import { endpoint } from './endpoint.ts';
import { EventsQuery, PoolEvent } from './event-schemas.ts';
import { strict } from './fields.ts';
import { AlertPage, AlertQuery, Stats, Status, Tenant, TenantParams } from './pool-schemas.ts';

const LastEventId = Type.String({
  pattern: '^\\d{1,15}$',
  'x-rule': 'must be the number of an event',
  description: 'Begin after this event, as an EventSource does when it reconnects.',
});

const text = (description: string, contentType: string) => ({ 200: { description, contentType } });

export const poolEndpoints = {
  getTenant: endpoint({
    id: 'getTenant',
    method: 'GET',
    path: '/v1/tenants/{tenant}',
    tag: 'tenants',
    summary: 'Read what a tenant has',
    params: TenantParams,
    responses: {
      200: { description: 'Empty lists for a tenant that is not known.', schema: Tenant },
    },
  }),
  getStats: endpoint({
    id: 'getStats',
    method: 'GET',
    path: '/v1/stats',
    tag: 'pool',
    summary: 'Read the figures of the pool',
    responses: { 200: { description: 'The figures.', schema: Stats } },
  }),
  followEvents: endpoint({
    id: 'followEvents',
    method: 'GET',
    path: '/v1/events',
    isStream: true,
    tag: 'pool',
    summary: 'Follow what happens',
    description:
      'Server-sent events: `id` is the number of the event, `event` its type, `data` the event as JSON. A client that does not read is cut off and can resume.',
    query: EventsQuery,
    headers: [{ name: 'Last-Event-ID', schema: LastEventId }],
    responses: {
      200: {
        description: 'The stream. The schema is that of each `data`.',
        contentType: 'text/event-stream',
        schema: PoolEvent,
      },
    },
    errors: ['EVENTS_GONE'],
  }),
  listAlerts: endpoint({
    id: 'listAlerts',
    method: 'GET',
    path: '/v1/alerts',
    tag: 'pool',
    summary: 'List open and recent alerts',
    query: AlertQuery,
    responses: { 200: { description: 'The newest first.', schema: AlertPage } },
  }),
  healthz: endpoint({
    id: 'healthz',
    method: 'GET',
    path: '/healthz',
    tag: 'service',
    summary: 'Is the process alive?',
    responses: { 200: { description: 'Yes.', schema: Status } },
  }),
  readyz: endpoint({
    id: 'readyz',
    method: 'GET',
    path: '/readyz',
    tag: 'service',
    summary: 'Can it grant?',
    responses: { 200: { description: 'Yes. Otherwise 503 says why not.', schema: Status } },
  }),
  metrics: endpoint({
    id: 'metrics',
    method: 'GET',
    path: '/metrics',
    tag: 'service',
    summary: 'Figures for Prometheus',
    responses: text('Prometheus text format.', 'text/plain; version=0.0.4; charset=utf-8'),
  }),
  openapi: endpoint({
    id: 'openapi',
    method: 'GET',
    path: '/openapi.json',
    tag: 'service',
    summary: 'This description',
    responses: { 200: { description: 'OpenAPI 3.1.', schema: Type.Object({}) } },
  }),
  errorPage: endpoint({
    id: 'errorPage',
    method: 'GET',
    path: '/errors/{code}',
    tag: 'service',
    summary: 'What an error code means',
    params: strict({ code: Type.String({ minLength: 1, maxLength: 64 }) }),
    responses: text('Cause and fix.', 'text/markdown; charset=utf-8'),
  }),
  home: endpoint({
    id: 'home',
    method: 'GET',
    path: '/',
    tag: 'service',
    summary: 'A page for people',
    responses: text('HTML.', 'text/html; charset=utf-8'),
  }),
} as const;
