/**
 * What the autoscaler remembers: whether it is switched on, when each specialization last grew and
 * shrank, who is being replaced by whom, and the last records of what it did. Durable, so that
 * cooldowns, the switch and the records survive a restart.
 */
import { SCALING_RECORDS_KEPT } from './limits.ts';
import type { ScalingKind } from './words.ts';

export interface ScalingRecord {
  readonly at: number;
  readonly kind: ScalingKind;
  readonly specialization: string;
  readonly reason: string;
  /** Who came, left, or failed to come. */
  readonly agent: string;
  /** With `replace_unhealthy`: in whose place; the agent itself where it comes back. */
  readonly replaces?: string;
}

export interface ScalingHistory {
  /** In ms since 1970; null = never. */
  lastUpAt: number | null;
  lastDownAt: number | null;
}

export interface ScalingDump {
  readonly enabled: boolean | null;
  readonly recorded: number;
  readonly records: readonly ScalingRecord[];
  readonly histories: readonly (readonly [specialization: string, history: ScalingHistory])[];
  readonly replacements: readonly (readonly [agent: string, replaces: string])[];
  /** Absent in dumps of versions that kept them by specialization. */
  readonly lastNumbers?: readonly (readonly [agentName: string, number: number])[];
}

/** Names of agents that others have brought, at most so many; about 0.1 KB each. */
const NAMES_NOTED = 1_000;
/** Dropped records make room in parts of this size, so that dropping costs nothing each time. */
const SPARE = 1_000;

export class Scaling {
  /** Null until somebody has used the switch: as configured. */
  enabled: boolean | null = null;
  /** Records since the journal began. */
  recorded = 0;
  #records: ScalingRecord[] = [];
  readonly #histories = new Map<string, ScalingHistory>();
  /** Agents that are starting in a lost agent's place, each with that agent. */
  readonly #replacements = new Map<string, string>();
  /** By agent name, the highest number that an id such as `researcher_3` ever had. */
  readonly #lastNumbers = new Map<string, number>();

  history(specialization: string): Readonly<ScalingHistory> {
    return this.#histories.get(specialization) ?? NEVER;
  }

  /** The newest first. */
  latest(limit: number): ScalingRecord[] {
    const count = Math.min(limit, SCALING_RECORDS_KEPT);
    return this.#records.slice(Math.max(0, this.#records.length - count)).reverse();
  }

  note(record: ScalingRecord): void {
    this.recorded++;
    this.#records.push(record);
    if (this.#records.length >= SCALING_RECORDS_KEPT + SPARE) this.#records.splice(0, SPARE);
    const history = this.#historyOf(record.specialization);
    if (record.kind === 'scale_up') history.lastUpAt = record.at;
    else if (record.kind === 'scale_down') history.lastDownAt = record.at;
    else if (record.replaces !== undefined && record.replaces !== record.agent) {
      this.#replacements.set(record.agent, record.replaces);
    }
  }

  /**
   * An agent has been registered: its id is never given out again. Others may bring agents with
   * ever new names, so of theirs only the first names are noted.
   */
  noteAgent(agent: string, managed: boolean): void {
    const number = numberOf(agent);
    if (number === 0) return;
    const name = agent.slice(0, agent.lastIndexOf('_'));
    const last = this.#lastNumbers.get(name);
    if (last === undefined && !managed && this.#lastNumbers.size >= NAMES_NOTED) return;
    if (last === undefined || number > last) this.#lastNumbers.set(name, number);
  }

  /** The highest number noted in an id of this name; 0 = none. */
  lastNumber(agentName: string): number {
    return this.#lastNumbers.get(agentName) ?? 0;
  }

  /** The agent in whose place this one starts. */
  replacedBy(agent: string): string | undefined {
    return this.#replacements.get(agent);
  }

  /** The agent that starts in this one's place. */
  replacementOf(agent: string): string | undefined {
    for (const [by, replaced] of this.#replacements) if (replaced === agent) return by;
    return undefined;
  }

  /** The agent is to stay: whoever starts in its place comes in addition. */
  keep(agent: string): void {
    const by = this.replacementOf(agent);
    if (by !== undefined) this.#replacements.delete(by);
  }

  /** The agent has left: nothing replaces it any more, and it replaces nobody. */
  forget(agent: string): void {
    this.#replacements.delete(agent);
    this.keep(agent);
  }

  dump(): ScalingDump {
    return {
      enabled: this.enabled,
      recorded: this.recorded,
      records: this.#records.slice(-SCALING_RECORDS_KEPT),
      histories: [...this.#histories].map(([name, history]) => [name, { ...history }]),
      replacements: [...this.#replacements],
      lastNumbers: [...this.#lastNumbers],
    };
  }

  restore(from: ScalingDump): void {
    this.enabled = from.enabled;
    this.recorded = from.recorded;
    this.#records = [...from.records];
    for (const [name, history] of from.histories) this.#histories.set(name, { ...history });
    for (const [agent, replaces] of from.replacements) this.#replacements.set(agent, replaces);
    for (const [name, number] of from.lastNumbers ?? []) this.#lastNumbers.set(name, number);
  }

  #historyOf(specialization: string): ScalingHistory {
    let history = this.#histories.get(specialization);
    if (history === undefined) {
      history = { ...NEVER };
      this.#histories.set(specialization, history);
    }
    return history;
  }
}

const NEVER: Readonly<ScalingHistory> = { lastUpAt: null, lastDownAt: null };

/** Larger numbers are somebody's own ids: counting on from them would leave the whole numbers. */
const HIGHEST_NUMBER = 1_000_000_000;

/** The number in an id as this pool gives them out, such as `researcher_3`; 0 for any other id. */
function numberOf(agent: string): number {
  let at = agent.length;
  while (at > 0 && isDigit(agent.charCodeAt(at - 1))) at--;
  if (agent[at - 1] !== '_' || agent[at] === '0') return 0;
  const number = Number(agent.slice(at));
  return number <= HIGHEST_NUMBER ? number : 0;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
