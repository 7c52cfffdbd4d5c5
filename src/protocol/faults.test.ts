import fc from 'fast-check';
import { type TSchema, Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { AgentPatch, Heartbeats, RegisterBody } from './agent-schemas.ts';
import { findFaults, type SchemaNode } from './faults.ts';
import { strict } from './fields.ts';
import { Explain, LeaseRequest, StateReport } from './lease-schemas.ts';
import { LIMITS } from './limits.ts';
import { checkOf } from './validate.ts';

function messages(schema: TSchema, value: unknown): string[] {
  return findFaults(schema as SchemaNode, value).faults.map(
    ({ path, message }) => `${path}: ${message}`,
  );
}

describe('every fault at once, each with its place', () => {
  test.each<[string, TSchema, unknown, string[]]>([
    ['a lease request that fits', LeaseRequest, { tenant: 'a', tools: ['x'], count: 3 }, []],
    ['a missing field', LeaseRequest, {}, ['/tenant: is required']],
    [
      'unknown fields',
      LeaseRequest,
      { tenant: 'a', toools: [], zebra: 1 },
      ['/toools: unknown field "toools"; did you mean "tools"?', '/zebra: unknown field "zebra"'],
    ],
    [
      'numbers as text',
      LeaseRequest,
      { tenant: 'a', count: '5', queue: 'true', wait_sec: 'soon' },
      [
        '/count: must be a whole number, not the text "5"; leave out the quotes',
        '/queue: must be true or false, not the text "true"; leave out the quotes',
        '/wait_sec: must be a number, not the text "soon"',
      ],
    ],
    [
      'numbers out of range',
      LeaseRequest,
      { tenant: 'a', count: 1.5, wait_sec: 61, lifetime_sec: 0 },
      [
        '/count: must be a whole number; it is 1.5',
        '/wait_sec: must be from 0 to 60; it is 61',
        '/lifetime_sec: must be from 1 to 2592000; it is 0',
      ],
    ],
    [
      'words that are not in the list',
      LeaseRequest,
      { tenant: 'a', priority: 'hihg', min_tier: 3 },
      [
        '/priority: must be low, normal, high or critical, not the text "hihg"; did you mean "high"?',
        '/min_tier: must be lite, standard or premium, not the number 3',
      ],
    ],
    [
      'texts',
      LeaseRequest,
      { tenant: '', purpose: 'x'.repeat(65), tools: ['a\u0000b', null] },
      [
        '/tenant: must not be empty',
        '/tools/0: must not contain control characters or broken Unicode, nor be "__proto__"; it is "a\\u0000b"',
        '/tools/1: must be a text, not null',
        '/purpose: must have at most 64 characters; it has 65',
      ].toSorted(),
    ],
    ['not an object', LeaseRequest, [], [': must be an object, not an array']],
    [
      'metadata',
      LeaseRequest,
      { tenant: 'a', metadata: { guild: 2 ** 60 } },
      [
        '/metadata: holds the number 1152921504606847000, which lost digits on the way; send it as a text',
      ],
    ],
    [
      'too much metadata',
      LeaseRequest,
      { tenant: 'a', metadata: { a: 'x'.repeat(5_000) } },
      ['/metadata: must be at most 4 KiB as JSON; it has 5008 bytes'],
    ],
    [
      'an array of agents',
      RegisterBody,
      [{ agent_id: 'a' }, { agent_id: 'a/b', slots: 0, labels: { '': 'x' } }, 7],
      [
        '/1/agent_id: must not contain spaces, slashes or control characters, nor be ".", ".." or "connect"; it is "a/b"',
        '/1/slots: must be from 1 to 1000; it is 0',
        '/1/labels/: the key "" must have 1 to 64 characters, no control characters, and not be "__proto__"',
        '/2: must be an object, not the number 7',
      ],
    ],
    [
      'neither one agent nor many',
      RegisterBody,
      5,
      [': must be an object or an array, not the number 5'],
    ],
    [
      'heartbeats',
      Heartbeats,
      { agents: [['a'], ['b', 2], [], ['c', 1, 1], 'd'] },
      [
        '/agents/1/1: must be from 0 to 1; it is 2',
        '/agents/2: must have at least 1 item; it has 0',
        '/agents/3: must have at most 2 items; it has 3',
        '/agents/4: must be an array, not the text "d"',
      ],
    ],
    [
      'a patch that changes nothing',
      AgentPatch,
      {},
      [
        ': must name at least 1 of tools, tier, slots, cost_per_hour, labels, protected or credential',
      ],
    ],
    [
      'a token beyond 2^53',
      StateReport,
      { state: 'idle', token: 2 ** 53 },
      ['/token: must be from 1 to 9007199254740991; it is 9007199254740992'],
    ],
  ])('%s', (_, schema, value, expected) => {
    expect(messages(schema, value).toSorted()).toEqual(expected.toSorted());
    expect(checkOf(schema).accepts(value)).toBe(expected.length === 0);
  });

  test('a megabyte is not repeated in the message', () => {
    const [message] = messages(LeaseRequest, { tenant: 'a', priority: 'x'.repeat(1 << 20) });
    expect(message?.length).toBeLessThan(200);
  });

  test('a pointer escapes what a pointer must', () => {
    const [message] = messages(LeaseRequest, { tenant: 'a', 'a/b~c': 1 });
    expect(message).toMatch(/^\/a~1b~0c: /);
  });

  test('the list ends at its limit, the count does not', () => {
    const agents = Array.from({ length: 5_000 }, () => ({ agent_id: 5, slots: 'x' }));
    const { faults, total } = findFaults(RegisterBody as SchemaNode, agents);
    expect(faults).toHaveLength(LIMITS.faults);
    expect(total).toBe(10_000);
  });
});

describe('the walker and the compiled check', () => {
  const schemas: [string, TSchema][] = [
    ['LeaseRequest', LeaseRequest],
    ['RegisterBody', RegisterBody],
    ['Heartbeats', Heartbeats],
    ['AgentPatch', AgentPatch],
    ['StateReport', StateReport],
    ['Explain', Explain],
    ['a nullable', strict({ a: Type.Union([Type.Number({ minimum: 1 }), Type.Null()]) })],
    ['literals', strict({ a: Type.Union([Type.Literal('x'), Type.Literal(1)]) })],
    ['exclusive bounds', strict({ a: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }) })],
  ];

  /** Values near the schema: right names, mostly right types, now and then something else. */
  function near(schema: SchemaNode): fc.Arbitrary<unknown> {
    const any = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom('5', 'a b', '', '\u0007', '\ud800', -1, 0, 1, 1.5, 2 ** 60),
    );
    const close = (): fc.Arbitrary<unknown> => {
      if (schema.anyOf) return fc.oneof(...schema.anyOf.map(near));
      if (schema.enum) return fc.constantFrom(...schema.enum);
      if ('const' in schema) return fc.constant(schema.const);
      switch (schema.type) {
        case 'object': {
          const fields = Object.entries(schema.properties ?? {}).map(
            ([key, child]) => [key, near(child)] as const,
          );
          const known = fc.record(Object.fromEntries(fields), {
            requiredKeys: [...(schema.required ?? [])],
          });
          const more = fc.dictionary(fc.string({ maxLength: 3 }), any, { maxKeys: 1 });
          return fields.length === 0
            ? fc.dictionary(fc.string({ maxLength: 3 }), any, { maxKeys: 3 })
            : fc
                .tuple(known, fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, more))
                .map(([a, b]) => ({ ...b, ...a }));
        }
        case 'array': {
          const { items } = schema;
          if (Array.isArray(items))
            return fc
              .tuple(...items.map(near))
              .chain((all) => fc.nat(all.length).map((n) => all.slice(0, n)));
          return fc.array(near((items ?? {}) as SchemaNode), { maxLength: 3 });
        }
        case 'string':
          return fc.string({ maxLength: 6, unit: 'grapheme' });
        case 'integer':
          return fc.integer({ min: -1, max: 70 });
        case 'number':
          return fc.double({ min: -0.5, max: 70, noNaN: true });
        case 'boolean':
          return fc.boolean();
        default:
          return any;
      }
    };
    return fc.oneof({ weight: 24, arbitrary: close() }, any);
  }

  test.each(schemas)('agree on %s', (_, schema) => {
    const check = checkOf(schema);
    let accepted = 0;
    fc.assert(
      fc.property(near(schema as SchemaNode), (value) => {
        const isGood = check.accepts(value);
        if (isGood) accepted += 1;
        expect(findFaults(schema as SchemaNode, value).total === 0).toBe(isGood);
      }),
      { numRuns: 1_000 },
    );
    // Otherwise the generator would not be near the schema at all.
    expect(accepted).toBeGreaterThan(0);
  });
});

test('ten thousand heartbeats are checked in less than three milliseconds', () => {
  const check = checkOf(Heartbeats);
  const body = { agents: Array.from({ length: 10_000 }, (_, i) => [`agent-${i}`, i / 10_000]) };
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20; round += 1) {
    const started = performance.now();
    expect(check.accepts(body)).toBe(true);
    best = Math.min(best, performance.now() - started);
  }
  expect(best).toBeLessThan(3);
});
