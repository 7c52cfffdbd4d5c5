import { defineConfig } from 'vitest/config';

const source = (file: string) => new URL(file, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    // The examples import the package by its name, as a user does; the tests run them on the sources.
    alias: {
      'remuda/client': source('src/sdk/client.ts'),
      'remuda/discord': source('src/discord/index.ts'),
    },
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/fixed-seed.ts'],
    pool: 'forks',
    // Many files wait for processes, sockets and timeouts: two at a time also where there are two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
  },
});
