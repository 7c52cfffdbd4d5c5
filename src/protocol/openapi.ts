/**
 * The OpenAPI 3.1 document, made from the endpoints. A schema with a `title` becomes a component
 * under that name and is referred to wherever it is used.
 */
import type { TSchema } from 'typebox';
import type { Endpoint, HeaderSpec } from './endpoint.ts';
import { ENDPOINTS } from './endpoints.ts';
import { COMMON_ERRORS, ERRORS, type ErrorCode } from './errors.ts';
import { PROBLEM_TYPE, Problem } from './problem.ts';

type Node = { [keyword: string]: unknown };

export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Node;
  readonly servers: readonly Node[];
  readonly tags: readonly Node[];
  readonly paths: { readonly [path: string]: { readonly [method: string]: Node } };
  readonly components: { readonly schemas: { readonly [name: string]: unknown } };
}

const TAGS = {
  leases: 'Ask for agents, report what they do, let them go.',
  tickets: 'Requests that wait in the queue.',
  agents: 'Who can be granted: registration, liveness, maintenance, memberships.',
  tenants: 'What one tenant has and is used to.',
  pool: 'The pool as a whole.',
  autoscaler: 'How many agents the pool starts and stops by itself, and why.',
  service: 'The service itself.',
};

export function openApiDocument(version: string): OpenApiDocument {
  const components = new Components();
  const paths: { [path: string]: { [method: string]: Node } } = {};
  for (const endpoint of ENDPOINTS) {
    paths[endpoint.path] ??= {};
    Object.assign(paths[endpoint.path] ?? {}, {
      [endpoint.method.toLowerCase()]: operation(endpoint, components),
    });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Remuda',
      version,
      summary: 'Leases long-lived agents to tenants.',
      description:
        'Errors are `application/problem+json` with a permanent `code`; bad input lists every fault in `errors`. Unknown fields are refused by name. Times are RFC 3339, durations end in `_sec`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas: components.schemas },
  };
}

function operation(endpoint: Endpoint, components: Components): Node {
  const { id, tag, summary, description, body } = endpoint;
  const parameters = [
    ...fields(endpoint.params).map(([name, schema]) => parameter('path', name, schema, true)),
    ...fields(endpoint.query).map(([name, schema]) => parameter('query', name, schema, false)),
    ...(endpoint.headers ?? []).map((header) => headerParameter(header)),
  ].map((entry) => ({ ...entry, schema: components.use(entry.schema) }));
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        required: endpoint.bodyOptional !== true,
        content: { 'application/json': { schema: components.use(body) } },
      },
    }),
    responses: { ...successes(endpoint, components), ...failures(endpoint, components) },
  };
}

function fields(schema: TSchema | undefined): [string, Node][] {
  return Object.entries((schema as Node | undefined)?.properties ?? {}) as [string, Node][];
}

function parameter(place: string, name: string, schema: Node, required: boolean) {
  const { description, ...rest } = schema;
  return {
    name,
    in: place,
    required,
    ...(description !== undefined && { description }),
    schema: rest,
  };
}

function headerParameter({ name, schema }: HeaderSpec) {
  return parameter('header', name, schema as Node, false);
}

function successes(endpoint: Endpoint, components: Components): Node {
  return Object.fromEntries(
    Object.entries(endpoint.responses).map(([status, response]) => {
      const type = response.contentType ?? 'application/json';
      const schema = response.schema ? components.use(response.schema) : { type: 'string' };
      return [status, { description: response.description, content: { [type]: { schema } } }];
    }),
  );
}

function failures(endpoint: Endpoint, components: Components): Node {
  const codes: ErrorCode[] = [...COMMON_ERRORS, ...(endpoint.errors ?? [])];
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERRORS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const schema = components.use(Problem);
  return Object.fromEntries(
    [...byStatus].map(([status, same]) => [
      status,
      {
        description: same.map((code) => `\`${code}\`: ${ERRORS[code].title}.`).join(' '),
        content: { [PROBLEM_TYPE]: { schema } },
      },
    ]),
  );
}

class Components {
  readonly schemas: { [name: string]: unknown } = {};

  /** The schema in place, or a reference to it when it has a name. */
  use(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((item) => this.use(item));
    if (typeof schema !== 'object' || schema === null) return schema;
    const { title, ...rest } = schema as Node;
    if (typeof title !== 'string') return this.#plain(rest);
    if (!(title in this.schemas)) {
      // Claimed before it is filled in, so that the components keep the order of first use.
      this.schemas[title] = {};
      this.schemas[title] = this.#plain(rest);
    }
    return { $ref: `#/components/schemas/${title}` };
  }

  #plain(schema: Node): Node {
    const { items, additionalItems: _, ...rest } = schema;
    const plain: Node = {};
    for (const [keyword, value] of Object.entries(rest)) {
      plain[keyword] = HOLDS_SCHEMAS.has(keyword) ? this.#each(value) : this.use(value);
    }
    // A fixed-length array is `prefixItems` in the JSON Schema of OpenAPI 3.1.
    if (Array.isArray(items)) Object.assign(plain, { prefixItems: this.use(items), items: false });
    else if (items !== undefined) plain.items = this.use(items);
    delete plain['~refine'];
    return plain;
  }

  /** A map from names to schemas: a field called `title` is not a title. */
  #each(map: unknown): Node {
    return Object.fromEntries(
      Object.entries(map as Node).map(([name, schema]) => [name, this.use(schema)]),
    );
  }
}

const HOLDS_SCHEMAS = new Set(['properties', 'patternProperties']);
