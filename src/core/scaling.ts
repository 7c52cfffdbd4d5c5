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
  /** The highest number that an agent of it ever had in its id. */
  lastNumber: number;
}

export interface ScalingDump {
  readonly enabled: boolean | null;
  readonly recorded: number;
  readonly records: readonly ScalingRecord[];
  readonly histories: readonly (readonly [specialization: string, history: ScalingHistory])[];
  readonly replacements: readonly (readonly [agent: string, replaces: string])[];
}

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

  history(specialization: string): Readonly<ScalingHistory> {
    return this.#histories.get(specialization) ?? NEVER;
  }

  /** The newest first. */
  latest(limit: number): ScalingRecord[] {
    return this.#records.slice(-Math.min(limit, SCALING_RECORDS_KEPT)).reverse();
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

  /** An agent has been registered; ids are never given out twice. */
  noteAgent(specialization: string, agent: string): void {
    const history = this.#historyOf(specialization);
    history.lastNumber = Math.max(history.lastNumber, numberOf(agent));
  }

  /** The agent in whose place this one starts. */
  replacedBy(agent: string): string | undefined {
    return this.#replacements.get(agent);
  }

  isBeingReplaced(agent: string): boolean {
    for (const replaced of this.#replacements.values()) if (replaced === agent) return true;
    return false;
  }

  /** The agent has left: nothing replaces it any more, and it replaces nobody. */
  forget(agent: string): void {
    if (this.#replacements.size === 0) return;
    this.#replacements.delete(agent);
    for (const [by, replaced] of this.#replacements) {
      if (replaced === agent) this.#replacements.delete(by);
    }
  }

  dump(): ScalingDump {
    return {
      enabled: this.enabled,
      recorded: this.recorded,
      records: this.#records.slice(-SCALING_RECORDS_KEPT),
      histories: [...this.#histories].map(([name, history]) => [name, { ...history }]),
      replacements: [...this.#replacements],
    };
  }

  restore(from: ScalingDump): void {
    this.enabled = from.enabled;
    this.recorded = from.recorded;
    this.#records = [...from.records];
    for (const [name, history] of from.histories) this.#histories.set(name, { ...history });
    for (const [agent, replaces] of from.replacements) this.#replacements.set(agent, replaces);
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

const NEVER: Readonly<ScalingHistory> = { lastUpAt: null, lastDownAt: null, lastNumber: 0 };

/** Larger numbers are somebody's own ids: counting on from them would leave the whole numbers. */
const HIGHEST_NUMBER = 1_000_000_000;

/** The number at the end of an id such as `researcher_3`; 0 for an id without one. */
export function numberOf(agent: string): number {
  let at = agent.length;
  while (at > 0 && isDigit(agent.charCodeAt(at - 1))) at--;
  const number = Number(agent.slice(at));
  return number <= HIGHEST_NUMBER ? number : 0;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
