/**
 * `remuda/core`: the engine itself, to embed in a process of one's own. It is pure: time comes in
 * with every call, and what it records must be kept by the caller if it is to outlive the process.
 */
export * from './command.ts';
export * from './event.ts';
export { DEFAULT_OPTIONS, type PoolOptions, type PurposeOptions } from './options.ts';
export * from './outcome.ts';
export { Pool } from './pool.ts';
export type * from './queries.ts';
export * from './words.ts';
