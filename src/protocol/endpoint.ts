/**
 * What one HTTP call is: its path, what it takes, what it answers. The server binds a handler to
 * each; openapi.json is made from the same values, so neither can say what the other does not do.
 */
import type { Static, TSchema } from 'typebox';
import type { ErrorCode } from './errors.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type Tag = 'leases' | 'tickets' | 'agents' | 'tenants' | 'pool' | 'autoscaler' | 'service';

export interface ResponseSpec {
  readonly description: string;
  readonly schema?: TSchema;
  /** application/json unless given. */
  readonly contentType?: string;
}

export interface HeaderSpec {
  readonly name: string;
  readonly schema: TSchema;
}

export interface EndpointSpec<P extends TSchema, Q extends TSchema, B extends TSchema> {
  /** Names the call in openapi.json and in generated clients. */
  readonly id: string;
  readonly method: Method;
  /** With `{name}` for each parameter. */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  readonly headers?: readonly HeaderSpec[];
  readonly body?: B;
  /** A body may be left out altogether. */
  readonly bodyOptional?: boolean;
  readonly bodyLimit?: number;
  /** Answers without an end, so that HEAD makes no sense. */
  readonly isStream?: boolean;
  readonly responses: { readonly [status: number]: ResponseSpec };
  /** Beside COMMON_ERRORS. */
  readonly errors?: readonly ErrorCode[];
}

export type Endpoint<
  P extends TSchema = TSchema,
  Q extends TSchema = TSchema,
  B extends TSchema = TSchema,
> = EndpointSpec<P, Q, B>;

/** What a handler gets: only values that passed their schema. */
export interface Input<P extends TSchema, Q extends TSchema, B extends TSchema> {
  readonly params: Static<P>;
  readonly query: Static<Q>;
  readonly body: Static<B>;
}

export function endpoint<P extends TSchema, Q extends TSchema, B extends TSchema>(
  spec: EndpointSpec<P, Q, B>,
): EndpointSpec<P, Q, B> {
  return spec;
}
