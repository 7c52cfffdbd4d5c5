import { describe, expect, test } from 'vitest';
import { readWork } from './work.ts';

function workOf(body: unknown) {
  const result = readWork(body);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.work;
}

function faultsOf(body: unknown) {
  const result = readWork(body);
  return result.ok ? [] : result.faults.map(({ path, message }) => `${path} ${message}`);
}

describe('work that is asked for', () => {
  test('has what it needs, and standards for the rest', () => {
    expect(workOf({ task: 'summarize', text: '' })).toMatchObject({ sentences: 3, text: '' });
    expect(workOf({ task: 'search', query: 'hay' })).toMatchObject({ path: '.', query: 'hay' });
    const named = { task: 'count', text: 'a', tenant: 'guild', lease_id: 'l1' };
    expect(workOf(named)).toMatchObject(named);
    const messages = [{ role: 'user', content: 'hello' }];
    expect(workOf({ task: 'chat', messages })).toMatchObject({ messages });
  });

  test.each([
    [[], ['/ must be a JSON object']],
    [null, ['/ must be a JSON object']],
    [{}, ['/task is missing']],
    [{ task: 'burn', ms: 5 }, ['/task must be summarize, count, search, chat']],
    [{ task: 'toString' }, ['/task must be summarize, count, search, chat']],
    [{ task: 'count' }, ['/text is missing']],
    [{ task: 'count', text: 7 }, ['/text must be a text']],
    [{ task: 'count', text: 'a', 'x/y': 1 }, ['/x~1y is not a field of the task count']],
    [
      { task: 'summarize', text: 'a', sentences: 0 },
      ['/sentences must be a whole number from 1 to 100'],
    ],
    [
      { task: 'summarize', text: 'a', sentences: 1.5 },
      ['/sentences must be a whole number from 1 to 100'],
    ],
    [{ task: 'search', query: '' }, ['/query must have 1 to 200 characters']],
    [{ task: 'search', query: 'a\nb' }, ['/query must not contain control characters']],
    [{ task: 'search', query: 'a', path: 'a\0' }, ['/path must not contain control characters']],
    [{ task: 'count', text: 'a', tenant: 5 }, ['/tenant must be a text']],
    [{ task: 'chat' }, ['/messages is missing']],
    [{ task: 'chat', messages: 'hi' }, ['/messages must be a list']],
    [{ task: 'chat', messages: [] }, ['/messages must have 1 to 200 messages']],
    [{ task: 'chat', messages: ['hi'] }, ['/messages/0 must be an object']],
    [
      { task: 'chat', messages: [{ role: 'robot', content: null, name: 'x' }] },
      [
        '/messages/0/name is not a field of a message',
        '/messages/0/role must be system, user, assistant',
        '/messages/0/content must be a text',
      ],
    ],
  ])('%j is refused', (body, faults) => {
    expect(faultsOf(body)).toEqual(faults);
  });

  test('a field called __proto__ is a field like any other', () => {
    const body = JSON.parse('{"task":"count","text":"a","__proto__":{"sentences":1}}');
    expect(faultsOf(body)).toEqual(['/__proto__ is not a field of the task count']);
  });

  test('of very many faults it lists some and counts all', () => {
    const extra = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`x${i}`, 1]));
    const result = readWork({ task: 'count', text: 'a', ...extra });
    expect(result).toMatchObject({ ok: false, total: 5_000 });
    expect(result.ok || result.faults).toHaveLength(100);
  });
});
