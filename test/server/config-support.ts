/** A configuration from a text, and its faults as short lines. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatFaults } from '../../src/server/config/config-fault.ts';
import { type ConfigInput, type LoadedConfig, loadConfig } from '../../src/server/config/load.ts';
import type { Config } from '../../src/server/config/schema.ts';

export const directory: string = mkdtempSync(join(tmpdir(), 'remuda-config-'));
export const file: string = join(directory, 'config.yaml');
process.on('exit', () => rmSync(directory, { recursive: true, force: true }));

export type More = Partial<ConfigInput>;

export function load(yaml: string, more: More = {}): LoadedConfig {
  writeFileSync(file, yaml);
  return loadConfig({ file, env: {}, ...more });
}

export function good(yaml: string, more: More = {}): Config {
  const loaded = load(yaml, more);
  if (!loaded.ok) throw new Error(formatFaults(loaded.faults));
  return loaded.config;
}

/** `7:3 path: message` of each fault; the name of the file is left out. */
export function faults(yaml: string, more: More = {}): string[] {
  const loaded = load(yaml, more);
  if (loaded.ok) return [];
  return loaded.faults.map(({ source, path, message }) => {
    const place = source.replace(`${file}:`, '');
    return path === '' ? `${place}: ${message}` : `${place} ${path}: ${message}`;
  });
}

export const flags = (values: { [name: string]: string }): More => ({ flags: values });
export const env = (values: { [name: string]: string }): More => ({ env: values });
