/**
 * One bot: it stays logged in under the token that it has now, its guilds are the agent's memberships,
 * and whatever keeps it from taking work is told to the pool as a lack of budget.
 */
import { type Client, UserFlags } from 'discord.js';
import type { Runner } from '../sdk/agent.ts';
import { Backoff } from '../sdk/net/backoff.ts';
import { sleep } from '../sdk/net/wait.ts';
import { IdentifyGate } from './identify-gate.ts';
import { Login, type LoginEnd } from './login.ts';
import { Memberships } from './memberships.ts';
import { PoolRecord } from './pool-record.ts';
import { Seats } from './seats.ts';
import type { BotSpec, MusicBotStatus, MusicOptions } from './types.ts';

/** What the platform allows a bot that it has not verified. */
const GUILDS_UNVERIFIED = 100;
/** A bot that does not come back within this leaves its work to others. */
const AWAY_SEC = 60;
/** How long a login that was refused for good waits for somebody to mend it. */
const REFUSED_MS = 60_000;
/** View channels, connect, speak. */
const PERMISSIONS = (1n << 10n) | (1n << 20n) | (1n << 21n);

export class MusicBot {
  readonly agentId: string;
  readonly seats = new Seats();
  readonly memberships: Memberships;
  readonly #spec: BotSpec;
  readonly #options: MusicOptions;
  readonly #record: PoolRecord;
  readonly #gate = new IdentifyGate();
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(1_000, 60_000);
  #runner: Runner | null = null;
  #running: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #token: string | undefined;
  /** The platform does not take it; another one may be better. */
  #deadToken: string | undefined;
  #login: Login | null = null;
  #client: Client | null = null;
  /** Why another runner, or nobody, is to host the agent. */
  #denied: string | null = 'waiting for the pool';
  #last = 'not logged in yet';
  #restUntil = 0;
  #restTimer: ReturnType<typeof setTimeout> | undefined;
  #awayTimer: ReturnType<typeof setTimeout> | undefined;
  #told: string | null | undefined;
  /** What the pool's record was last compared with. */
  #recorded: { readonly login: Login; readonly isFull: boolean } | null = null;

  constructor(spec: BotSpec, options: MusicOptions) {
    const { agentId } = spec;
    this.agentId = agentId;
    this.#spec = spec;
    this.#options = options;
    this.#token = spec.token;
    this.#record = new PoolRecord({
      url: options.url,
      apiKey: options.apiKey,
      agentId,
      memberships: (guildIds) => this.memberships.noted(guildIds),
      error: (error) => options.onError?.(error, { agentId }),
    });
    this.memberships = new Memberships((change) => {
      this.#runner?.setMemberships(this.agentId, change);
    });
  }

  /** The newest client. */
  get client(): Client {
    if (this.#client === null) throw new Error(`The bot of "${this.agentId}" was never logged in.`);
    return this.#client;
  }

  /** Why it takes no new work. */
  get trouble(): string | null {
    const obstacle = this.#obstacle();
    if (obstacle !== null) return obstacle;
    if (this.#login === null) return this.#last;
    if (!this.#login.isUp) return this.#login.trouble;
    return performance.now() < this.#restUntil ? 'the limit of REST calls is reached' : null;
  }

  /** Why it will not log in, whatever time passes. */
  get fault(): string | null {
    if (this.#token === undefined) return 'there is no token for the bot';
    if (this.#token === this.#deadToken) return 'Discord does not take the token';
    return null;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** False once it is known that the bot is not in the guild. */
  mayBeIn(guildId: string): boolean {
    return this.#login?.wasUp !== true || this.#login.guilds.has(guildId);
  }

  get status(): MusicBotStatus {
    const { agentId, trouble } = this;
    const guilds = this.#login?.guilds.all().size ?? 0;
    return { agentId, trouble, guilds, serving: this.seats.guildIds };
  }

  start(runner: Runner): void {
    this.#runner = runner;
    this.#tell();
    this.#running = this.#keepLoggedIn();
  }

  /** The pool has given the agent to this runner. */
  host(): void {
    if (this.#denied === null) return;
    this.#denied = null;
    this.#changed();
    // Meanwhile it may have been registered anew.
    this.#recorded = null;
    if (this.#login?.wasUp === true) this.#compare(this.#login);
  }

  /** The agent is not this runner's: its identity may be in use elsewhere. */
  deny(reason: string): void {
    this.#denied = reason;
    this.#login?.leave(reason);
    this.#changed();
  }

  /** What the pool keeps for the agent. A token of this process goes before it. */
  credential(token: string): void {
    if (this.#spec.token !== undefined || token === this.#token) return;
    this.#token = token;
    this.#login?.leave('the token has been changed');
    this.#changed();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#login?.leave('the runner is closing');
    this.#wake();
    await this.#running;
    this.#record.close();
    this.memberships.stop();
    this.seats.stop();
    clearTimeout(this.#awayTimer);
    clearTimeout(this.#restTimer);
  }

  #obstacle(): string | null {
    if (this.#closing.signal.aborted) return 'the runner is closing';
    if (this.#denied !== null) return this.#denied;
    return this.fault;
  }

  async #keepLoggedIn(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      if (this.#obstacle() !== null || this.#token === undefined) {
        await this.#change();
        continue;
      }
      const end = await this.#logIn(this.#token);
      this.#last = end.reason;
      this.#tell();
      const waitMs = this.#pauseAfter(end);
      if (waitMs > 0) await this.#change(waitMs);
    }
  }

  async #logIn(token: string): Promise<LoginEnd> {
    const login = new Login(token, this.#options.client ?? {}, this.#gate, {
      changed: () => this.#look(login),
      guilds: () => this.#guilds(login),
      packet: (packet) => this.seats.packet(packet),
      restLimited: (forMs) => this.#restLimited(forMs),
      error: (error) => this.#options.onError?.(error, { agentId: this.agentId }),
    });
    this.#login = login;
    this.#client = login.client;
    this.seats.attach(login);
    this.#tell();
    void login.start();
    const end = await login.ended;
    if (end.kind === 'token') this.#deadToken = token;
    if (login.wasUp) this.#backoff.reset();
    // Budget and work know of the end before the connection is closed.
    this.#last = end.reason;
    this.#login = null;
    this.#tell();
    await login.close();
    this.seats.detach();
    return end;
  }

  #pauseAfter({ kind, retryAfterMs = 0 }: LoginEnd): number {
    if (kind === 'network') return 1 + this.#backoff.nextMs();
    return kind === 'refused' ? REFUSED_MS : retryAfterMs;
  }

  /** Resolves when something has changed, or the time is over. */
  async #change(ms = 2 ** 31 - 1): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await sleep(ms, AbortSignal.any([woken.signal, this.#closing.signal]));
  }

  #changed(): void {
    this.#tell();
    this.#wake();
  }

  #look(login: Login): void {
    if (this.#login !== login) return;
    this.seats.changed();
    this.#tell();
  }

  #guilds(login: Login): void {
    if (this.#login !== login) return;
    this.memberships.aim(login.guilds.all());
    this.seats.changed();
    this.#compare(login);
  }

  /** Looks at the pool's record once a login, and whenever the bot's invitation changes. */
  #compare(login: Login): void {
    const isFull = !this.#isVerified(login) && login.guilds.all().size >= GUILDS_UNVERIFIED;
    if (this.#recorded?.login === login && this.#recorded.isFull === isFull) return;
    this.#recorded = { login, isFull };
    const { application, user } = login.client;
    const id = application?.id ?? user?.id;
    const link = `https://discord.com/oauth2/authorize?client_id=${id}&scope=bot&permissions=${PERMISSIONS}`;
    if (this.#options.invites === false) this.#record.refresh(undefined);
    else this.#record.refresh(isFull ? null : link);
  }

  #isVerified({ client }: Login): boolean {
    return this.#spec.verified ?? client.user?.flags?.has(UserFlags.VerifiedBot) ?? false;
  }

  #restLimited(forMs: number): void {
    this.#restUntil = performance.now() + forMs;
    clearTimeout(this.#restTimer);
    this.#restTimer = setTimeout(() => this.#tell(), forMs + 1);
    this.#tell();
  }

  #tell(): void {
    const { trouble } = this;
    if (trouble === null) {
      clearTimeout(this.#awayTimer);
      this.#awayTimer = undefined;
    } else {
      const { awayTimeoutSec = AWAY_SEC } = this.#options;
      this.#awayTimer ??= setTimeout(() => {
        this.#awayTimer = undefined;
        this.seats.loseAll(this.trouble ?? trouble);
      }, awayTimeoutSec * 1_000);
    }
    if (trouble === this.#told || this.#runner === null) return;
    this.#told = trouble;
    this.#runner.setBudget(this.agentId, trouble === null, trouble ?? undefined);
  }
}
