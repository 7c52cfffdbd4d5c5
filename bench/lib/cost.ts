/** Loaded into a process with `--import`: says on stderr, at its end, what it has cost. */
process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(`cpu_sec=${((user + system) / 1e6).toFixed(2)}\n`);
});
