import { describe, expect, test } from 'vitest';
import { AgentFilter, RetireQuery } from './agent-schemas.ts';
import type { SchemaNode } from './faults.ts';
import { LeaseFilter, TicketQuery } from './lease-schemas.ts';
import { readQuery } from './query.ts';

function read(schema: unknown, text: string): unknown {
  const result = readQuery(schema as SchemaNode, text);
  if ('value' in result) return result.value;
  return result.faults.faults.map(({ path, message }) => `${path}: ${message}`);
}

describe('a query string', () => {
  test.each<[string, unknown, string, unknown]>([
    ['nothing', LeaseFilter, '', {}],
    ['empty pairs', LeaseFilter, '&&', {}],
    ['numbers', LeaseFilter, 'limit=5&cursor=17', { limit: 5, cursor: '17' }],
    ['an exponent', LeaseFilter, 'limit=1e2', { limit: 100 }],
    ['fractions', TicketQuery, 'wait_sec=0.5', { wait_sec: 0.5 }],
    ['booleans', RetireQuery, 'force=true', { force: true }],
    ['escapes', LeaseFilter, 'tenant=a%2Fb+%E2%82%AC%26', { tenant: 'a/b €&' }],
    ['an equals sign', LeaseFilter, 'tenant=a=b', { tenant: 'a=b' }],
  ])('%s', (_, schema, text, expected) => expect(read(schema, text)).toEqual(expected));

  test.each<[string, unknown, string, string[]]>([
    [
      'an unknown name',
      AgentFilter,
      'fase=offline',
      ['/fase: unknown query parameter "fase"; did you mean "phase"?'],
    ],
    [
      'a number that is none',
      LeaseFilter,
      'limit=5x',
      ['/limit: must be a whole number, not the text "5x"'],
    ],
    [
      'a number out of range',
      LeaseFilter,
      'limit=1001',
      ['/limit: must be from 1 to 1000; it is 1001'],
    ],
    [
      'a boolean that is none',
      RetireQuery,
      'force=1',
      ['/force: must be true or false, not the text "1"'],
    ],
    ['a name twice', LeaseFilter, 'limit=1&limit=2', ['/limit: is given more than once']],
    ['bad escapes', LeaseFilter, 'tenant=%zz', ['/tenant: is not valid percent-encoding']],
    ['bad UTF-8', LeaseFilter, 'tenant=%ff', ['/tenant: is not valid percent-encoding']],
    [
      'a prototype',
      LeaseFilter,
      '__proto__=1',
      ['/__proto__: unknown query parameter "__proto__"'],
    ],
    [
      'a cursor of nobody',
      LeaseFilter,
      'cursor=abc',
      ['/cursor: must be the next_cursor of an earlier page; it is "abc"'],
    ],
    [
      'all at once',
      LeaseFilter,
      'limit=0&state=actve&x=1',
      [
        '/x: unknown query parameter "x"',
        '/limit: must be from 1 to 1000; it is 0',
        '/state: must be allocated, active, idle, releasing or released, not the text "actve"; did you mean "active"?',
      ],
    ],
  ])('%s is refused', (_, schema, text, expected) => {
    expect((read(schema, text) as string[]).toSorted()).toEqual(expected.toSorted());
  });
});
