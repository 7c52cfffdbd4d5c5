/** A fault of the configuration, and all of them as one message. */

export interface ConfigFault {
  /** `config.yaml:12:5`, `REMUDA_SERVER_PORT` or `--server.port`. */
  readonly source: string;
  /** `pool.queue.max_length`; empty when the fault belongs to no key. */
  readonly path: string;
  readonly message: string;
}

export function formatFaults(faults: readonly ConfigFault[]): string {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  const lines = faults.map(({ source, path, message }) =>
    path === '' ? `  ${source}: ${message}` : `  ${source}: ${path}: ${message}`,
  );
  return [`The configuration has ${count}; nothing was started.`, ...lines].join('\n');
}
