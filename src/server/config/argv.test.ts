import { describe, expect, test } from 'vitest';
import { readArguments } from './argv.ts';

describe('arguments', () => {
  test('with and without an equals sign', () => {
    const args = ['--port', '1', '--pool.selection=pack', '--config', 'x.yaml', '--data=a=b'];
    expect(readArguments(args)).toEqual({
      file: 'x.yaml',
      flags: { port: '1', 'pool.selection': 'pack', data: 'a=b' },
      faults: [],
    });
  });

  test('a switch alone means true', () => {
    const args = ['--pool.reclaim.enabled', '--multi_agent.enabled', 'false', '--log.file='];
    expect(readArguments(args).flags).toEqual({
      'pool.reclaim.enabled': 'true',
      'multi_agent.enabled': 'false',
      'log.file': '',
    });
  });

  test('what is no flag, has no value or comes twice is a fault', () => {
    const { faults } = readArguments(['serve', '--port', '--host', 'a', '--host', 'b', '-p']);
    expect(faults.map(({ source, message }) => `${source} ${message}`)).toEqual([
      '"serve" is not a flag; flags begin with --',
      '--port needs a value',
      '--host is given more than once',
      '"-p" is not a flag; flags begin with --',
    ]);
  });
});
