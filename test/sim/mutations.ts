/**
 * Known ways to break the code. Each replaces one piece of text, which must be there exactly once,
 * and must be found by some seed.
 */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The first seed that is tried, for what is rare; 1 unless given. */
  readonly seed?: number;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'an old token is as good as the present one',
    file: 'src/core/pool.ts',
    from: 'if (command.token !== leases.token(row)) return staleToken(',
    to: 'if (false as boolean) return staleToken(',
  },
  {
    name: 'an answer leaves before it is durable',
    file: 'src/host/host.ts',
    from: 'if (batch === null) return Promise.resolve(value);',
    to: 'if (batch === null || again === undefined) { this.#flush(); return Promise.resolve(value); }',
  },
  {
    name: 'leases are taken back before their time',
    file: 'src/core/reclaim.ts',
    from: 'if (now - leases.allocatedAt(row) < state.options.reclaim.minHoldMs) return false;',
    to: '',
  },
  {
    name: 'a lease that has ended still waits to be accepted',
    file: 'src/core/facts.ts',
    from: '    leases.finish(row, END_REASONS.indexOf(reason), now);\n    hosting.settled(row);',
    to: '    leases.finish(row, END_REASONS.indexOf(reason), now);\n    void hosting;',
  },
  {
    name: 'the end of a connection is forgotten',
    file: 'src/server/sockets/runners.ts',
    from: 'if (!this.#isStopping && this.#gone.size > 0) this.#telling = this.#tell();',
    to: '',
  },
  {
    name: 'agents that are away get work',
    file: 'src/core/agents.ts',
    from: 'if (bits & (OFFLINE_BIT | AWAY_BIT)) after = OFFLINE;',
    to: 'if (bits & OFFLINE_BIT) after = OFFLINE;',
  },
  {
    name: 'work is pushed to a runner twice',
    file: 'src/server/sockets/runners.ts',
    from: 'if (this.#byLease.get(lease)?.token === token) return;',
    to: '',
  },
  {
    name: 'the old writer is not fenced',
    file: 'src/adapters/journals/memory.ts',
    from: '    if (epoch <= own) return;\n',
    to: '    if (epoch <= own || own > 0) return;\n',
  },
  {
    name: 'a fenced manager goes on answering reads',
    file: 'src/host/host.ts',
    from: "const isOver = this.#state === 'closed' || this.#state === 'fenced';",
    to: "const isOver = this.#state === 'closed';",
  },
  {
    name: 'deadlines are not armed again',
    file: 'src/core/facts.ts',
    from: '    if (stateIndex === IDLE) idle.add(row);\n    this.#state.lookAtLease(row, nextLook(this.#state, row, now));',
    to: '    if (stateIndex === IDLE) idle.add(row);\n    void nextLook;',
  },
  {
    name: 'the answer of a key is not kept',
    file: 'src/core/allocate.ts',
    from: 'facts.answerKept(key, fingerprint, outcome, now);',
    to: '',
  },
  {
    name: 'a runner is not told that a lease has ended',
    file: 'src/server/sockets/runners.ts',
    from: 'held.line.release(event.lease, held.token, event.reason);',
    to: '',
  },
  {
    name: 'there is no grace for runners that are away',
    file: 'src/core/hosting.ts',
    from: 'return dueOf(this.#away, now - this.#graceMs);',
    to: 'return [];',
  },
  {
    name: 'a tenant may have one more',
    file: 'src/core/refusals.ts',
    from: 'if (held + wanted + count <= limit) return null;',
    to: 'if (held + wanted + count <= limit + 1) return null;',
  },
  {
    name: 'a snapshot lacks who is hosted',
    file: 'src/core/dump.ts',
    from: '      hosting: state.hosting.dump(),\n',
    to: '',
  },
  {
    name: 'a lost acknowledgement is taken for a failed write',
    file: 'src/host/host.ts',
    from: 'return stored.first === first && stored.epoch === this.#epoch;',
    to: 'await this.#journal.lastEvent();\n    return batch.events.length < 0;',
  },
  {
    name: 'the state is kept though its batch was not written',
    file: 'src/host/host.ts',
    from: '          await this.#rebuild();\n',
    to: '          await this.#journal.probe();\n',
  },
  {
    name: 'a watched lease that ends is no news',
    file: 'src/server/sockets/watches.ts',
    from: "this.#tellOfLease(event.lease, watchers, 'lease.lost');",
    to: 'void watchers;',
  },
  {
    name: 'a takeover leaves the tokens as they are',
    file: 'src/core/runners.ts',
    from: 'for (const row of taken) renewTokens(context, row, now);',
    to: 'void taken; void renewTokens;',
  },
  {
    name: 'a runner that goes while its hello waits is taken all the same',
    file: 'src/server/sockets/runners.ts',
    from: 'const kept = taken.filter((agent) => this.#byAgent.get(agent) === line);',
    to: 'const kept = taken;',
  },
  {
    name: 'the processes of agents that leave go on',
    file: 'src/host/fleet.ts',
    from: 'this.#processes.end(event.agent);',
    to: '',
  },
  {
    name: 'ports are given out twice',
    file: 'src/host/fleet.ts',
    from: 'if (!taken.has(port) && (await provisioner.isPortFree(port))) free.push(port);',
    to: 'if (await provisioner.isPortFree(port)) free.push(port);\n      void taken;',
  },
  {
    name: 'a read fails with the next write',
    file: 'src/host/host.ts',
    from: 'reject: again === undefined ? reject : () => resolve(again()),',
    to: 'reject,',
  },
  {
    name: 'a hello that fails forgets what an earlier one has brought',
    file: 'src/server/sockets/runner-socket.ts',
    from: 'const others = agents.filter((agent) => !this.#agents.has(agent));',
    to: 'const others = agents;',
  },
  {
    name: 'a runner hears of agents that it does not host yet',
    file: 'src/server/sockets/runners.ts',
    from: 'return this.#carried.get(line)?.connected.has(agent) ? line : undefined;',
    to: 'return line;',
    seed: 201,
  },
];
