/**
 * What the pool has registered about one agent, read and mended over HTTP: frames of a runner do not
 * read. Its memberships may be older than this process, and its invitation follows what the platform
 * allows.
 */
import { Backoff } from '../sdk/net/backoff.ts';
import { poolUrl } from '../sdk/net/socket.ts';
import { sleep } from '../sdk/net/wait.ts';

interface Registered {
  readonly memberships: readonly string[];
  readonly labels: { readonly [name: string]: string };
}

export interface PoolRecordOptions {
  readonly url: string | URL;
  readonly apiKey?: string;
  readonly agentId: string;
  /** The guilds that the pool has noted. */
  memberships(guildIds: readonly string[]): void;
  error(error: Error): void;
}

const TIMEOUT_MS = 10_000;
const LABEL = 'invite_url';

export class PoolRecord {
  readonly #options: PoolRecordOptions;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(500, 30_000);
  /** The invitation that was registered, before this process had a say. */
  #registeredInvite: string | undefined;
  #invite: string | null | undefined;
  #isRunning = false;
  #isStale = false;

  constructor(options: PoolRecordOptions) {
    this.#options = options;
  }

  /**
   * Reads the record, and mends it until it is right.
   * @param invite the bot's invitation; null: it may not be invited; undefined: leave it alone
   */
  refresh(invite: string | null | undefined): void {
    this.#invite = invite;
    this.#isStale = true;
    if (!this.#isRunning) void this.#run();
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#isStale && !this.#closing.signal.aborted) {
      this.#isStale = false;
      try {
        const { memberships, labels } = await this.#call('GET');
        this.#options.memberships(memberships);
        await this.#label(labels);
        this.#backoff.reset();
      } catch (error) {
        if (this.#closing.signal.aborted) break;
        this.#options.error(error as Error);
        this.#isStale = true;
        await sleep(1 + this.#backoff.nextMs(), this.#closing.signal);
      }
    }
    this.#isRunning = false;
  }

  async #label({ [LABEL]: present, ...labels }: Registered['labels']): Promise<void> {
    if (this.#invite === undefined) return;
    this.#registeredInvite ??= present;
    const wanted = this.#invite === null ? undefined : (this.#registeredInvite ?? this.#invite);
    if (wanted === present) return;
    await this.#call('PATCH', {
      labels: wanted === undefined ? labels : { ...labels, [LABEL]: wanted },
    });
  }

  async #call(method: 'GET' | 'PATCH', body?: unknown): Promise<Registered> {
    const { url, apiKey, agentId } = this.#options;
    const response = await fetch(
      poolUrl(url, `/v1/agents/${encodeURIComponent(agentId)}`, 'http'),
      {
        method,
        headers: {
          ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      },
    );
    if (response.ok) return (await response.json()) as Registered;
    await response.body?.cancel();
    throw new Error(
      `The pool answered ${method} of the agent "${agentId}" with ${response.status}.`,
    );
  }
}
