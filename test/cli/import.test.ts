/** Files of agents with faults in them, and pools that fail half-way. */
import { afterAll, describe, expect, it } from 'vitest';
import { answerJson, cli, fakePool, removeWorkspaces, write } from './support.ts';

afterAll(removeWorkspaces);

const NOBODY = ['--url', 'http://127.0.0.1:9'];

describe.concurrent('a file with faults', () => {
  it('is refused with every fault, its line and its column', async () => {
    const file = write(
      'agents.csv',
      [
        'agent_id,slots,tier,labels,protected',
        'a,x,gold,foo,maybe',
        'b b,1,lite,,',
        '',
        'c,0,,k=1;k=2,',
        'c,1,,,',
        ',1',
      ].join('\n'),
    );
    const { code, stdout, stderr } = await cli(['agents', 'import', file, ...NOBODY]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('has 9 faults; nothing was imported.');
    const lines = stderr.split('\n').map((line) => line.trim());
    expect(lines).toContain('line 2, column slots: must be a number, not "x"');
    expect(lines).toContain(
      'line 2, column tier: must be lite, standard or premium, not the text "gold"',
    );
    expect(lines).toContain('line 2, column protected: must be true or false, not "maybe"');
    expect(lines.some((line) => line.startsWith('line 3, column agent_id: must not'))).toBe(true);
    expect(lines).toContain('line 5, column slots: must be from 1 to 1000; it is 0');
    expect(lines).toContain('line 5, column labels: names "k" twice');
    expect(lines).toContain('line 6, column agent_id: "c" is on line 5 already');
    expect(lines).toContain('line 7: has 2 columns, but the header has 5');
  });

  it('shows the first twenty and the count', async () => {
    const rows = Array.from({ length: 50 }, (_, n) => `{"agent_id":"a${n}","slots":0}`);
    const file = write('agents.jsonl', rows.join('\n'));
    const words = await cli(['agents', 'import', file, ...NOBODY]);
    expect(words.stderr).toContain('50 faults');
    expect(words.stderr.match(/^ {2}line/gm)).toHaveLength(20);
    expect(words.stderr).toContain('… and 30 more faults');
    const { code, json } = await cli(['agents', 'import', file, '--json', ...NOBODY]);
    expect(code).toBe(1);
    expect(json).toMatchObject({ code: 'INVALID_ROWS', errors_total: 50 });
    expect(json.errors[0]).toMatchObject({ line: 1, column: 'slots' });
  });

  it.each([
    ['a.csv', 'name,slots\na,1\n', '"name" is not a column'],
    ['a.csv', 'agent_id,protcted\na,1\n', 'did you mean "protected"?'],
    ['a.csv', 'agent_id,slots,slots\na,1,1\n', 'two columns of this name'],
    ['a.csv', 'agent_id,slots\n"a,1\n', 'is not CSV'],
    ['a.csv', 'agent_id\n', 'holds no agents'],
    ['a.csv', '', 'holds no agents'],
    ['a.jsonl', 'nope\n', 'line 1: is not JSON'],
    ['a.txt', '[{"agent_id":"a"}]\n', 'line 1: must be an object'],
    ['a.jsonl', '{"agent_id":"a","toools":[]}\n', 'did you mean "tools"?'],
  ])('%s with %j is refused', async (name, content, words) => {
    const { code, stderr } = await cli(['agents', 'import', write(name, content), ...NOBODY]);
    expect(stderr).toContain(words);
    expect(code).toBe(1);
  });

  it('that does not exist is named', async () => {
    const { code, stderr } = await cli(['agents', 'import', 'none.csv', ...NOBODY]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'remuda: none.csv does not exist.\n' });
  });
});

describe.concurrent('a pool that fails half-way', () => {
  const rows = (count: number) =>
    `agent_id\n${Array.from({ length: count }, (_, n) => `agent-${n}`).join('\n')}\n`;

  it('gets at most 10,000 agents at once', async () => {
    const sizes: number[] = [];
    const pool = await fakePool((_request, response, body) => {
      const { length } = JSON.parse(body);
      sizes.push(length);
      answerJson(response, 201, { registered: length, unchanged: 0 });
    });
    const file = write('agents.csv', rows(25_000));
    const { json } = await cli(['agents', 'import', file, '--json', '--url', pool.url]);
    pool.stop();
    expect(sizes).toEqual([10_000, 10_000, 5_000]);
    expect(json).toMatchObject({ agents: 25_000, registered: 25_000 });
  });

  it('leaves no doubt about what is in when it refuses', async () => {
    let calls = 0;
    const pool = await fakePool((_request, response) => {
      calls += 1;
      if (calls === 1) answerJson(response, 201, { registered: 10_000, unchanged: 0 });
      else {
        const errors = [{ path: '/7/agent_id', message: 'is registered otherwise' }];
        answerJson(response, 409, { code: 'AGENT_EXISTS', detail: '/7: is registered.', errors });
      }
    });
    const file = write('agents.csv', rows(15_000));
    const { code, stderr } = await cli(['agents', 'import', file, '--url', pool.url]);
    pool.stop();
    expect(code).toBe(1);
    expect(stderr).toContain('AGENT_EXISTS: line 10009 : is registered.');
    expect(stderr).toContain(`Lines 2 to 10001 of ${file} (10,000 agents) are registered.`);
    expect(stderr).toContain('What comes from line 10002 on is not.');
    expect(stderr).toContain('Running the same command again is safe');
  });

  it('says what is unknown when it does not answer', async () => {
    let calls = 0;
    const pool = await fakePool((request, response) => {
      calls += 1;
      if (calls === 1) answerJson(response, 201, { registered: 10_000, unchanged: 0 });
      else request.socket.destroy();
    });
    const file = write('agents.csv', rows(30_000));
    const { code, stderr } = await cli(['agents', 'import', file, '--url', pool.url]);
    pool.stop();
    expect(code).toBe(1);
    expect(stderr).toContain('Lines 2 to 10001');
    expect(stderr).toContain('Lines 10002 to 20001 (10,000 agents) may or may not be.');
    expect(stderr).toContain('What comes after is not.');
  });

  it('says that nothing is in when the first call is refused', async () => {
    const pool = await fakePool((_request, response) => {
      answerJson(response, 503, { code: 'NOT_READY', detail: 'Starting.' });
    });
    const file = write('agents.csv', rows(3));
    const { code, stderr } = await cli(['agents', 'import', file, '--url', pool.url]);
    pool.stop();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'remuda: NOT_READY: Starting.\nNothing was imported.\n',
    });
  });
});
