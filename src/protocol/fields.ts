/** The fields that many schemas share, each with its limits and its words. */
import { type TSchema, Type } from 'typebox';
import {
  END_REASONS,
  HEALTHS,
  type Json,
  LEASE_STATES,
  PHASES,
  PRIORITIES,
  SCALING_KINDS,
  TICKET_STATES,
  TIERS,
} from '../core/words.ts';
import { KIB, LIMITS } from './limits.ts';

/** \p{Cc} = control characters, \p{Cs} = halves of a surrogate pair, which UTF-8 cannot store. */
const NO_CONTROL = '[^\\p{Cc}\\p{Cs}]';

export const TenantId = Type.String({
  minLength: 1,
  maxLength: LIMITS.tenantLength,
  pattern: `^${NO_CONTROL}+$`,
  'x-rule': 'must not contain control characters or broken Unicode',
  description: 'Who asks for an agent: any text without control characters.',
  examples: ['guild-81384788765712384'],
});

/**
 * A slash, a space, `.` or `..` could not be written into a path that every client leaves alone;
 * `/v1/agents/connect` is the address of a socket.
 */
export const AgentId = Type.String({
  minLength: 1,
  maxLength: LIMITS.agentIdLength,
  pattern: '^(?!(\\.{1,2}|connect)$)[^\\s/\\p{Cc}\\p{Cs}]+$',
  'x-rule': 'must not contain spaces, slashes or control characters, nor be ".", ".." or "connect"',
  description: 'Names an agent: no spaces, no slashes, no control characters.',
  examples: ['researcher_1'],
});

/** `__proto__` would not survive as a key of the objects that count by name. */
function name(description: string, example: string): Type.TString {
  return Type.String({
    minLength: 1,
    maxLength: LIMITS.nameLength,
    pattern: `^(?!__proto__$)${NO_CONTROL}+$`,
    'x-rule': 'must not contain control characters or broken Unicode, nor be "__proto__"',
    description,
    examples: [example],
  });
}

function madeId(description: string): Type.TString {
  return Type.String({
    minLength: 1,
    maxLength: LIMITS.madeIdLength,
    pattern: `^${NO_CONTROL}+$`,
    'x-rule': 'must not contain control characters or broken Unicode',
    description,
  });
}

export const LeaseId = madeId('The id of a lease.');
export const TicketId = madeId('The id of a ticket.');
export const Purpose = name('What the lease is for; it selects idle policy and weight.', 'music');
export const Specialization = name('The unit of scaling; each agent has exactly one.', 'general');
export const Tool = name('Something that an agent can do.', 'music');
export const Tools = Type.Array(Tool, {
  maxItems: LIMITS.tools,
  description: 'What the agent can do.',
});

export const Tier = Type.Enum([...TIERS], { description: 'Quality: premium › standard › lite.' });
export const Priority = Type.Enum([...PRIORITIES], { description: 'Urgency of the request.' });
export const Phase = Type.Enum([...PHASES], { description: 'What the agent is doing.' });
export const Health = Type.Enum([...HEALTHS], { description: 'Whether the agent works.' });
export const LeaseState = Type.Enum([...LEASE_STATES], { description: 'Where the lease stands.' });
export const EndReason = Type.Enum([...END_REASONS], { description: 'Why the lease ended.' });
export const TicketState = Type.Enum([...TICKET_STATES], {
  description: 'Where the ticket stands.',
});

export const ScalingKind = Type.Enum([...SCALING_KINDS], {
  description: 'What the autoscaler did. scale_failed: an agent could not be started.',
});
export const Replaces = Type.Unsafe<string>({
  ...AgentId,
  description: 'In whose place; the agent itself where it comes back.',
});

export const Token = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The fencing token of the lease; it only grows.',
});
export const Slots = Type.Integer({
  minimum: 1,
  maximum: LIMITS.slots,
  description: 'How many tenants the agent serves at once.',
});
export const CostPerHour = Type.Number({
  minimum: 0,
  maximum: LIMITS.costPerHour,
  description: 'What an hour of the agent costs, in your own unit.',
});
export const Load = Type.Number({ minimum: 0, maximum: 1, description: 'How busy the agent is.' });

export const Labels = Type.Record(
  Type.String({ pattern: `^(?!__proto__$)${NO_CONTROL}{1,${LIMITS.labelKeyLength}}$` }),
  Type.String({
    maxLength: LIMITS.labelValueLength,
    pattern: '^\\P{Cs}*$',
    'x-rule': 'must not contain half a surrogate pair',
  }),
  {
    additionalProperties: false,
    maxProperties: LIMITS.labels,
    'x-key-rule': `must have 1 to ${LIMITS.labelKeyLength} characters, no control characters, and not be "__proto__"`,
    description: 'Free words about the agent; `endpoint` is where it can be reached.',
  },
);

/** What is wrong with a metadata object, or null. Iterative, because a client sets the depth. */
function metadataFault(metadata: unknown): string | null {
  const open: { value: unknown; depth: number }[] = [{ value: metadata, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, depth } = next;
    if (typeof value === 'number' && !isExact(value)) {
      return `holds the number ${value}, which lost digits on the way; send it as a text`;
    }
    if (typeof value === 'string' && !value.isWellFormed()) {
      return 'holds a text with half a surrogate pair';
    }
    if (typeof value !== 'object' || value === null) continue;
    if (depth > LIMITS.metadataDepth) return `is nested deeper than ${LIMITS.metadataDepth} levels`;
    for (const [key, child] of Object.entries(value)) {
      if (!key.isWellFormed()) return 'holds a key with half a surrogate pair';
      open.push({ value: child, depth: depth + 1 });
    }
  }
  const bytes = Buffer.byteLength(JSON.stringify(metadata));
  if (bytes <= LIMITS.metadataBytes) return null;
  return `must be at most ${LIMITS.metadataBytes / KIB} KiB as JSON; it has ${bytes} bytes`;
}

/** Whole numbers beyond 2^53 and numbers beyond 1.8e308 do not come out as they were written. */
function isExact(value: number): boolean {
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
}

export const Metadata = Type.Refine(
  Type.Unsafe<{ [key: string]: Json }>({
    type: 'object',
    additionalProperties: true,
    description: `Kept with the lease and given back with it; at most ${LIMITS.metadataBytes / KIB} KiB as JSON.`,
  }),
  (value) => Object.keys(value).length === 0 || metadataFault(value) === null,
  (value) => metadataFault(value) ?? '',
);

export function time(description: string): Type.TString {
  return Type.String({ format: 'date-time', description });
}

export function nullable<S extends TSchema>(schema: S): Type.TUnion<[S, Type.TNull]> {
  return Type.Union([schema, Type.Null()]);
}

/** An object of known fields and no others: a misspelt field must not be ignored. */
export function strict<P extends Type.TProperties>(
  properties: P,
  options: { readonly [keyword: string]: unknown } = {},
): Type.TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...options });
}

export const Limit = Type.Integer({
  minimum: 1,
  maximum: LIMITS.pageItems,
  default: LIMITS.pageItemsDefault,
  description: 'How many items a page has at most.',
});
export const Cursor = Type.String({
  pattern: '^\\d{1,15}$',
  'x-rule': 'must be the next_cursor of an earlier page',
  description: '`next_cursor` of an earlier page of the same query.',
});

export function page<S extends TSchema>(
  item: S,
  title: string,
): Type.TObject<{ items: Type.TArray<S>; next_cursor: Type.TUnion<[Type.TString, Type.TNull]> }> {
  return strict(
    {
      items: Type.Array(item),
      next_cursor: nullable(
        Type.String({ description: 'Pass it back as `cursor`; null at the end.' }),
      ),
    },
    { title },
  );
}
