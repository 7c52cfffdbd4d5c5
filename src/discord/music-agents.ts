/** Many bots in one process, on one socket to the pool. */
import { type AssignedLease, type Runner, runAgents } from '../sdk/agent.ts';
import type { RemudaError } from '../sdk/errors.ts';
import { makeError } from '../sdk/make-error.ts';
import { MusicBot } from './music-bot.ts';
import { serve } from './serve.ts';
import type {
  BotSpec,
  MusicBotStatus,
  MusicOptions,
  MusicRunner,
  RunMusicAgentsOptions,
} from './types.ts';

/** How often it is looked at which agents the pool has given to this runner. */
const HOSTED_MS = 250;
/** The pool's words for: this agent is not yours. */
const NOT_OURS: ReadonlySet<string> = new Set(['AGENT_ALREADY_HOSTED', 'NOT_FOUND']);

export class MusicAgents implements MusicRunner {
  readonly #options: MusicOptions;
  readonly #bots: ReadonlyMap<string, MusicBot>;
  readonly #specs: readonly BotSpec[];
  #runner: Runner | null = null;
  #timer: ReturnType<typeof setInterval> | undefined;
  #closed: Promise<void> | null = null;

  constructor({ bots, ...options }: RunMusicAgentsOptions) {
    refuseSharedTokens(bots);
    this.#options = options;
    this.#specs = bots;
    this.#bots = new Map(bots.map((spec) => [spec.agentId, new MusicBot(spec, options)]));
  }

  async start(): Promise<void> {
    const { url, apiKey, runnerId, signal, closeDeadlineSec, webSocket, onDrain } = this.#options;
    const runner = await runAgents({
      url,
      apiKey,
      runnerId,
      signal,
      closeDeadlineSec,
      webSocket,
      onDrain,
      manualAccept: true,
      // None is logged in yet: whoever waits must not be given to them before.
      agents: this.#specs.map(({ token: _token, verified: _verified, ...agent }) => ({
        ...agent,
        available: false,
      })),
      onAssign: (lease, context) => this.#serve(lease, context.signal),
      onCredential: (agentId, credential) => this.#credential(agentId, credential),
      onError: (error, context) => {
        const { code } = error as { code?: string };
        if (NOT_OURS.has(code ?? '')) this.#bots.get(context.agentId ?? '')?.deny(error.message);
        this.#options.onError?.(error, context);
      },
    });
    this.#runner = runner;
    for (const bot of this.#bots.values()) bot.start(runner);
    this.#host();
    this.#timer = setInterval(() => this.#host(), HOSTED_MS);
    void runner.done.then(() => this.close());
  }

  get runner(): Runner {
    if (this.#runner === null) throw new Error('The runner has not been started.');
    return this.#runner;
  }

  get bots(): readonly MusicBotStatus[] {
    return [...this.#bots.values()].map((bot) => bot.status);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    // The work ends first: leaving a channel takes a bot that is logged in.
    await this.#runner?.close();
    await Promise.all([...this.#bots.values()].map((bot) => bot.close()));
  }

  #credential(agentId: string, credential: string): void {
    for (const { agentId: other, token } of this.#bots.values()) {
      if (token !== credential || other === agentId) continue;
      this.#options.onError?.(sharedToken(other, agentId), { agentId });
      return;
    }
    this.#bots.get(agentId)?.credential(credential);
  }

  #host(): void {
    for (const { agentId, isHosted } of this.runner.agents) {
      if (isHosted) this.#bots.get(agentId)?.host();
    }
  }

  #serve(lease: AssignedLease, signal: AbortSignal): Promise<void> {
    const bot = this.#bots.get(lease.agentId);
    if (bot === undefined) throw new Error(`There is no bot for the agent "${lease.agentId}".`);
    return serve(bot, lease, signal, this.#options);
  }
}

/** One identity can be logged in once. */
function refuseSharedTokens(bots: readonly BotSpec[]): void {
  const byToken = new Map<string, string>();
  for (const { agentId, token } of bots) {
    if (token === undefined) continue;
    const other = byToken.get(token);
    if (other !== undefined) throw sharedToken(other, agentId);
    byToken.set(token, agentId);
  }
}

function sharedToken(one: string, other: string): RemudaError {
  const detail = `"${one}" and "${other}" have the same token; each agent needs a bot of its own.`;
  return makeError('INVALID_REQUEST', detail);
}
