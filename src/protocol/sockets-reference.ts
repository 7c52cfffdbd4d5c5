/** The reference of both socket protocols, written from the schemas of their frames. */
import type { TSchema } from 'typebox';
import { AGENT_SUBPROTOCOL, POOL_FRAMES, RUNNER_FRAMES } from './agent-frames.ts';
import { CLIENT_CALLS, CLIENT_PUSHES, CLIENT_SUBPROTOCOL } from './client-frames.ts';
import type { SchemaNode } from './faults.ts';
import { LIMITS } from './limits.ts';

type Described = SchemaNode & { readonly title?: string; readonly description?: string };

export function socketsReference(): string {
  return `${[
    '# Sockets',
    '',
    'Two WebSockets carry what is too chatty for HTTP. Frames are text that holds JSON. A frame that is no',
    'JSON, or is too large, closes the connection (1008, 1009) with a reason; so does silence: both sides',
    'answer pings, and whoever misses two, 10 s apart, is cut off. Unknown fields are refused by name.',
    '',
    '## Agents: `GET /v1/agents/connect`',
    '',
    `Subprotocol \`${AGENT_SUBPROTOCOL}\`. One object a frame, up to ${LIMITS.agentFrameBytes / 1_024} KiB. One socket carries up to`,
    `${LIMITS.agentsPerSocket} agents of one runner, and an agent is on one socket at a time.`,
    '',
    ...section('Runner to pool', RUNNER_FRAMES, 'type'),
    ...section('Pool to runner', POOL_FRAMES, 'type'),
    '## Clients: `GET /v1/connect`',
    '',
    `Subprotocol \`${CLIENT_SUBPROTOCOL}\`. A frame is one call or an array of up to ${LIMITS.callsPerFrame} of them, up to`,
    `${LIMITS.clientFrameBytes / 1_024} KiB. Calls are carried out in their order and answered in any order, in arrays:`,
    '`{"id", "status", "body"}`, with the status and the body of the HTTP call, a problem with its `code`',
    'included. Schemas of the bodies are in [openapi.json](openapi.json).',
    '',
    ...section('Calls', CLIENT_CALLS, 'call'),
    ...section('Pushes', CLIENT_PUSHES, 'push'),
  ].join('\n')}`;
}

function section(title: string, frames: { readonly [name: string]: TSchema }, kind: string) {
  const lines = [`### ${title}`, ''];
  for (const [name, schema] of Object.entries(frames)) {
    const { description = '', properties = {}, required = [] } = schema as Described;
    const fields = Object.entries(properties as { readonly [key: string]: Described }).filter(
      ([key]) => key !== kind,
    );
    lines.push(`#### ${name}`, '', description, '');
    if (fields.length === 0) continue;
    for (const [key, field] of fields) {
      const optional = required.includes(key) ? '' : ', optional';
      const words = field.description === undefined ? '' : `: ${field.description}`;
      lines.push(`- \`${key}\` (${typeOf(field)}${optional})${words}`);
    }
    lines.push('');
  }
  return lines;
}

function typeOf(schema: Described): string {
  const { type, title, anyOf, items, properties } = schema;
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum) return schema.enum.map((word) => `\`${String(word)}\``).join(', ');
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' or ');
  if (type === 'array') {
    if (Array.isArray(items)) return `[${items.map(typeOf).join(', ')}]`;
    return `list of ${typeOf(items as Described)}`;
  }
  if (title !== undefined && type === 'object') return title;
  if (type === 'object' && properties !== undefined)
    return `{${Object.keys(properties).join(', ')}}`;
  return type ?? 'any';
}
