/** Which of the machine's processes belong to which agent of this pool. */
import type { ProcessRecord, ProcessRecords } from './process-records.ts';
import type { ProcessIdentity, ProcessTable, TableEntry } from './process-table.ts';

/** All living processes of one agent. */
export interface Family {
  readonly agentId: string;
  /** The agent itself: it leads the group that it was started in. Null when it is dead. */
  readonly leader: ProcessRecord | null;
  /** The leader, and all that descends from it. */
  readonly members: readonly TableEntry[];
}

/**
 * Those of the agent's group and session, whatever their environment says, and those that its
 * environment was handed down to, whatever session they have gone to.
 */
function membersOf(
  agentId: string,
  leader: ProcessIdentity | null,
  table: readonly TableEntry[],
): readonly TableEntry[] {
  const groups = new Set<number>();
  for (const { mark, group } of table) if (mark?.agentId === agentId) groups.add(group);
  if (leader !== null) {
    // The kernel gives no pid away that still names a group, so another process of this pid means
    // that the group is gone and a stranger's has its number.
    const holder = table.find(({ pid }) => pid === leader.pid);
    const isReused = holder !== undefined && holder.startTicks !== leader.startTicks;
    if (!isReused) groups.add(leader.pid);
  }
  return table.filter(({ group, session }) => groups.has(group) || groups.has(session));
}

function leaderAmong(agentId: string, table: readonly TableEntry[]): ProcessRecord | null {
  let first: TableEntry | null = null;
  for (const entry of table) {
    const { pid, group, session, mark } = entry;
    if (mark?.agentId !== agentId || pid !== group || pid !== session) continue;
    // Without a record: a descendant may lead a session of its own, but it is younger.
    if (first === null || entry.startTicks < first.startTicks) first = entry;
  }
  if (first?.mark == null || !Number.isSafeInteger(first.mark.port)) return null;
  return { ...first.mark, pid: first.pid, startTicks: first.startTicks };
}

function familyOf(
  agentId: string,
  record: ProcessRecord | null,
  table: readonly TableEntry[],
): Family {
  if (record === null) {
    const leader = leaderAmong(agentId, table);
    return { agentId, leader, members: membersOf(agentId, leader, table) };
  }
  const isHere = (entry: TableEntry) =>
    entry.pid === record.pid && entry.startTicks === record.startTicks;
  const leader = table.some(isHere) ? record : null;
  return { agentId, leader, members: membersOf(agentId, leader, table) };
}

export class ProcessesFound {
  readonly #table: ProcessTable;
  readonly #records: ProcessRecords;

  constructor(table: ProcessTable, records: ProcessRecords) {
    this.#table = table;
    this.#records = records;
  }

  /** One for each agent of which any process lives. */
  async all(): Promise<readonly Family[]> {
    const table = await this.#table.read();
    const records = new Map(this.#records.all().map((record) => [record.agentId, record]));
    const agentIds = new Set(records.keys());
    for (const { mark } of table) if (mark !== null) agentIds.add(mark.agentId);
    return [...agentIds]
      .map((agentId) => familyOf(agentId, records.get(agentId) ?? null, table))
      .filter(({ members }) => members.length > 0);
  }

  async of(agentId: string): Promise<Family> {
    const table = await this.#table.read();
    return familyOf(agentId, this.#records.read(agentId), table);
  }

  /** What lives of an agent whose process is known, or was until just now. */
  async members(agentId: string, leader: ProcessIdentity | null): Promise<readonly TableEntry[]> {
    return membersOf(agentId, leader, await this.#table.read());
  }
}
