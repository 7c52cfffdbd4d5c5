/**
 * The configuration: the one source of config.yaml, of `REMUDA_…` variables, of flags and of the
 * reference. Every key has a default; `x-short` gives a flag a short name.
 */
import { type Static, Type } from 'typebox';
import { strict } from '../../protocol/fields.ts';
import { AgentsSection } from './agents-schema.ts';
import { PoolSection } from './pool-schema.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const ConfigSchema = strict({
  server: strict(
    {
      host: Type.String({
        default: '127.0.0.1',
        minLength: 1,
        maxLength: 255,
        description: 'The address to listen on.',
        'x-short': 'host',
      }),
      port: Type.Integer({
        default: 8766,
        minimum: 0,
        maximum: 65_535,
        description: 'The port to listen on; 0 = any that is free.',
        'x-short': 'port',
      }),
      public_url: Type.String({
        default: '',
        maxLength: 2_048,
        description: 'How browsers reach the pool when that is not host and port: http(s)://…',
      }),
    },
    { description: 'Where the pool is reached.' },
  ),
  journal: strict(
    {
      url: Type.String({
        default: 'file:./data',
        minLength: 1,
        description:
          'Where events are kept: file:DIRECTORY. (postgres://… and nats://… are not available in this version.)',
      }),
    },
    { description: 'What survives a restart.' },
  ),
  log: strict(
    {
      level: Type.Enum([...LOG_LEVELS], {
        default: 'info',
        description: 'The least that is worth a line.',
        'x-short': 'log-level',
      }),
      file: Type.String({
        default: 'logs/remuda.log',
        description: 'JSON lines are also written here; empty = nowhere.',
      }),
    },
    { description: 'What the pool says about itself: JSON lines, pretty on a terminal.' },
  ),
  auth: strict(
    {
      required: Type.Enum(['auto', 'always'], {
        default: 'auto',
        description:
          'auto: no keys are needed on a loopback address, and any other is refused without keys. Keys are not available in this version.',
      }),
    },
    { description: 'Who may call.' },
  ),
  pool: PoolSection,
  multi_agent: AgentsSection,
});

export type Config = Static<typeof ConfigSchema>;
