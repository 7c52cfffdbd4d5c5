/**
 * Defaults ← file ← environment ← flags. Every fault of all of them comes out at once, each with
 * its place; nothing is corrected silently, and a configuration with a fault is not used at all.
 */
import { existsSync, readFileSync } from 'node:fs';
import { findFaults, type SchemaNode } from '../../protocol/faults.ts';
import { CHECKS } from './checks.ts';
import type { ConfigFault } from './config-fault.ts';
import { type Override, readEnvironment, readFlags } from './overrides.ts';
import { checkPortRanges } from './port-checks.ts';
import { type Config, ConfigSchema } from './schema.ts';
import { listSettings, overlay, type SettingSchema, withDefaults } from './settings.ts';
import { readYaml, type YamlFile } from './yaml-file.ts';

export interface ConfigInput {
  /** A file that must exist. Without one, `config.yaml` is read if there is one. */
  readonly file?: string;
  readonly env: { readonly [name: string]: string | undefined };
  /** Names without dashes; see `readFlags`. */
  readonly flags?: { readonly [name: string]: string };
}

export type LoadedConfig =
  | {
      readonly ok: true;
      readonly config: Config;
      /** Where each setting was taken from, by path: `default`, `config.yaml:3:9`, `--port`. */
      readonly sources: { readonly [path: string]: string };
    }
  | { readonly ok: false; readonly faults: readonly ConfigFault[] };

const DEFAULT_FILE = 'config.yaml';

type Steps = readonly (string | number)[];

export function loadConfig(input: ConfigInput): LoadedConfig {
  const { settings } = listSettings();
  const file = readFile(input.file);
  const environment = readEnvironment(settings, input.env);
  const flags = readFlags(settings, input.flags ?? {});
  const overrides = [...environment.overrides, ...flags.overrides].filter(
    ({ value }) => value !== undefined,
  );
  const root = ConfigSchema as SchemaNode;
  const fromFile = overlay(root, withDefaults(root, {}), file?.yaml.value);
  const merged = overrides.reduce(
    (base, { setting, value }) => overlay(root, base, nest(setting.steps, value)),
    fromFile,
  );
  const value = withDefaults(root, merged);

  const layers = new Layers(overrides, file);
  const faults: ConfigFault[] = [
    ...(file?.faults ?? []),
    ...(file?.yaml.faults ?? []),
    ...environment.faults,
    ...flags.faults,
  ];
  // A fault of the file counts even where an override hides it.
  for (const { steps, message, kind } of findFaults(root, withDefaults(root, fromFile)).faults) {
    const source = layers.inFile(steps, kind === 'unknown' ? 'key' : 'value');
    faults.push({ source, path: steps.join('.'), message });
  }
  const broken: string[] = [];
  for (const { steps, message } of findFaults(root, value).faults) {
    const path = steps.join('.');
    broken.push(path);
    const source = layers.override(steps);
    if (source !== undefined) faults.push({ source, path, message });
  }
  faults.push(...crossFaults(value as Config, broken, layers));
  if (faults.length > 0) return { ok: false, faults };
  return {
    ok: true,
    config: value as Config,
    sources: Object.fromEntries(settings.map(({ path, steps }) => [path, layers.sourceOf(steps)])),
  };
}

interface ReadFile {
  readonly name: string;
  readonly yaml: YamlFile;
  readonly faults: readonly ConfigFault[];
}

function readFile(wanted: string | undefined): ReadFile | null {
  const name = wanted ?? DEFAULT_FILE;
  if (wanted === undefined && !existsSync(DEFAULT_FILE)) return null;
  try {
    return { name, yaml: readYaml(name, readFileSync(name, 'utf8')), faults: [] };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const reasons: { readonly [code: string]: string } = {
      ENOENT: 'does not exist',
      EISDIR: 'is a directory',
      EACCES: 'may not be read',
    };
    const message = reasons[code] ?? `cannot be read (${code})`;
    return { name, yaml: readYaml(name, ''), faults: [{ source: name, path: '', message }] };
  }
}

function nest(steps: readonly string[], value: unknown): unknown {
  return steps.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value);
}

/** The last layer that says something about a key is to blame for it. */
class Layers {
  readonly #overrides: readonly Override[];
  readonly #file: ReadFile | null;

  constructor(overrides: readonly Override[], file: ReadFile | null) {
    this.#overrides = overrides;
    this.#file = file;
  }

  /** Who set exactly this; `default` when nobody did. */
  sourceOf(steps: Steps): string {
    const isInFile = this.#file?.yaml.has(steps);
    return this.override(steps) ?? (isInFile ? this.inFile(steps, 'value') : 'default');
  }

  /** Where a fault is in the file; of something that is missing, where it is missing from. */
  inFile(steps: Steps, of: 'key' | 'value'): string {
    return this.#file?.yaml.place(steps, of) ?? 'default';
  }

  override(steps: Steps): string | undefined {
    return this.#overrides.findLast(({ setting, value }) => {
      const rest = steps.slice(setting.steps.length);
      return reaches(setting.steps, steps) && says(setting.schema, value, rest);
    })?.source;
  }
}

function reaches(setting: Steps, steps: Steps): boolean {
  return setting.length <= steps.length && setting.every((step, index) => step === steps[index]);
}

/** A map in an override is joined into what was there, so it answers only for its own entries. */
function says(schema: SettingSchema, value: unknown, rest: Steps): boolean {
  const [entry] = rest;
  if (entry === undefined || schema['x-replace'] || typeof value !== 'object') return true;
  return value === null || Array.isArray(value) || Object.hasOwn(value, entry);
}

function crossFaults(config: Config, broken: readonly string[], layers: Layers): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const isSound = (path: string): boolean => !broken.some((bad) => isWithin(bad, path));
  for (const { reads, test } of CHECKS) {
    const message = reads.every(isSound) ? test(config) : null;
    if (message === null) continue;
    // What the user has set is where to look, even if the other half of the pair is to blame.
    const sources = reads.map((path) => layers.sourceOf(path.split('.')));
    const source = sources.find((candidate) => candidate !== 'default') ?? 'default';
    faults.push({ source, path: reads[0] ?? '', message });
  }
  if (!PORT_SETTINGS.every(isSound)) return faults;
  for (const { specialization, message } of checkPortRanges(config)) {
    const steps = ['multi_agent', 'autoscaling', 'port_ranges', specialization];
    faults.push({ source: layers.sourceOf(steps), path: steps.join('.'), message });
  }
  return faults;
}

const PORT_SETTINGS = [
  'multi_agent.autoscaling.port_ranges',
  'multi_agent.specializations',
  'server.port',
];

/** Is one of the two paths the other, or inside it? The root is the empty path. */
function isWithin(one: string, other: string): boolean {
  return one === '' || `${one}.`.startsWith(`${other}.`) || `${other}.`.startsWith(`${one}.`);
}
