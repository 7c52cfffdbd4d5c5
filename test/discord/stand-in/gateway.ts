import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Changes } from './changes.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { Faults } from './faults.ts';
import type { LimitBook } from './limits.ts';
import { applicationJson, guildCreateJson, userJson } from './payloads.ts';
import {
  CLOSE,
  INTENT,
  isObject,
  type JsonObject,
  OP,
  type Packet,
  PRIVILEGED_INTENTS,
} from './protocol.ts';
import { Session } from './session.ts';
import type { Snowflakes } from './snowflakes.ts';
import type { Bot, Guild, World } from './world.ts';

/** How the connection of a session is broken. */
export type DropKind = 'abrupt' | 'reconnect' | 'invalid_resumable' | 'invalid';

/** What others do when a session asks or ends. */
export interface GatewayListeners {
  voiceRequest(session: Session, data: JsonObject): void;
  sessionEnded(session: Session): void;
}

interface GatewayParts {
  world: World;
  limits: LimitBook;
  faults: Faults;
  changes: Changes;
  snowflakes: Snowflakes;
  now: () => number;
  heartbeatIntervalMs: number;
  /** Where sessions are to be resumed, as in `ws://127.0.0.1:4711`. */
  resumeUrl: () => string;
}

interface IdentifyRequest {
  bot: Bot;
  shard: readonly [id: number, count: number];
  intents: number;
}

/** A close code, or the packet that says that a session is invalid and cannot be resumed. */
type Refusal = number | 'invalid_session';

/** Sessions and the connections that they are on. */
export class Gateway implements ConnectionOwner {
  /** Every session that there has been, the oldest first. */
  readonly sessions: Session[] = [];
  /** Identifies that came in, the refused ones included. */
  identifies = 0;
  heartbeats = 0;
  readonly #parts: GatewayParts;
  readonly #listeners: GatewayListeners;
  readonly #server = new WebSocketServer({ noServer: true });
  readonly #connections = new Set<Connection>();
  /** Sessions that have not ended, by the id of the bot. */
  readonly #open = new Map<string, Set<Session>>();

  constructor(parts: GatewayParts, listeners: GatewayListeners) {
    this.#parts = parts;
    this.#listeners = listeners;
  }

  /** Takes a WebSocket handshake, or refuses it. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { faults, limits, now, heartbeatIntervalMs } = this.#parts;
    if (faults.refuseGateway !== null) {
      socket.end(`HTTP/1.1 ${faults.refuseGateway} Refused\r\nConnection: close\r\n\r\n`);
      return;
    }
    const query = new URL(request.url ?? '/', 'ws://stand-in').searchParams;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      if (query.get('v') !== '10' || query.get('encoding') !== 'json' || query.has('compress')) {
        webSocket.close(CLOSE.invalidApiVersion, 'Only version 10, as JSON, not compressed.');
        return;
      }
      const connection = new Connection(webSocket, heartbeatIntervalMs, this, limits, faults, now);
      this.#connections.add(connection);
      this.#parts.changes.notify();
    });
  }

  identify(connection: Connection, data: unknown): void {
    this.identifies++;
    const request = this.#readIdentify(data);
    if ('refusal' in request) {
      refuse(connection, request.refusal);
      return;
    }
    const { bot, shard, intents } = request;
    for (const other of this.#openSessions(bot.id)) {
      if (other.shard[0] !== shard[0] || other.shard[1] !== shard[1]) continue;
      if (other.line) {
        const detail = `shard ${shard[0]} has a live session`;
        this.#parts.limits.record('identified_twice', bot.id, detail);
      } else {
        this.#end(other);
      }
    }
    this.#begin(connection, bot, shard, intents);
  }

  /** Checks an identify against the world and the limits. */
  #readIdentify(data: unknown): IdentifyRequest | { refusal: Refusal } {
    const { world, limits, now, snowflakes } = this.#parts;
    const bot = isObject(data) ? world.botOfToken(bare(data.token)) : undefined;
    if (!bot || !isObject(data)) return { refusal: CLOSE.authenticationFailed };
    const intents = Number(data.intents);
    if ((intents & PRIVILEGED_INTENTS & ~bot.privilegedIntents) !== 0) {
      return { refusal: CLOSE.disallowedIntents };
    }
    const shard = shardOf(data.shard);
    const verdict = limits.identify(bot.id, shard[0], now());
    if (verdict === 'too_soon') return { refusal: 'invalid_session' };
    if (verdict === 'day_used_up') {
      // Discord resets the token and ends all sessions.
      world.changeToken(bot, `reset-${snowflakes.next()}`);
      this.revoke(bot.id);
      return { refusal: CLOSE.authenticationFailed };
    }
    return { bot, shard, intents };
  }

  resume(connection: Connection, data: unknown): void {
    const request = isObject(data) ? data : {};
    const sequence = Number(request.seq);
    const token = bare(request.token);
    const bot = this.#parts.world.botOfToken(token);
    const session = this.#openSessions(bot?.id ?? '').find((one) => one.id === request.session_id);
    if (!bot) {
      refuse(connection, CLOSE.authenticationFailed);
    } else if (!session) {
      refuse(connection, 'invalid_session');
    } else if (!session.canReplayFrom(sequence)) {
      this.#end(session);
      refuse(connection, CLOSE.invalidSeq);
    } else {
      // Discord lets the newest connection of a session win.
      session.line?.close(CLOSE.sessionTimedOut, '');
      this.#attach(session, connection);
      session.resumes++;
      session.replayFrom(sequence);
      session.dispatch('RESUMED', { _trace: [] });
      this.#parts.changes.notify();
    }
  }

  voiceState(session: Session, data: unknown): void {
    if (isObject(data)) this.#listeners.voiceRequest(session, data);
  }

  heartbeat(): void {
    this.heartbeats++;
    this.#parts.changes.notify();
  }

  closed(connection: Connection, code: number | null): void {
    this.#connections.delete(connection);
    const session = connection.session;
    if (session && session.line === connection) {
      // Who says goodbye with 1000 or 1001 does not want to come back.
      if (code === CLOSE.normal || code === CLOSE.goingAway) this.#end(session);
      else this.#detach(session);
    }
    this.#parts.changes.notify();
  }

  /** Breaks the connections of a bot; the sessions stay unless the kind says otherwise. */
  drop(botId: string, kind: DropKind): void {
    const sessions = this.#liveSessions(botId);
    if (sessions.length === 0) throw new Error(`bot ${botId} has no connection to drop`);
    for (const session of sessions) {
      const line = session.line!;
      if (kind === 'abrupt') {
        line.terminate();
        this.#detach(session);
      } else if (kind === 'reconnect') {
        line.send({ op: OP.reconnect, d: null, s: null, t: null });
      } else {
        // The connection stays, and asks for a session again.
        this.#detach(session);
        if (kind === 'invalid') this.#end(session);
        line.send(invalidSession(kind === 'invalid_resumable'));
      }
    }
  }

  /** Closes the connections of a bot with a code. */
  closeWith(botId: string, code: number): void {
    for (const session of this.#liveSessions(botId)) session.line?.close(code, '');
  }

  /** Ends the sessions of a bot whose token has become worthless. */
  revoke(botId: string): void {
    for (const session of this.#openSessions(botId)) {
      session.line?.close(CLOSE.authenticationFailed, '');
      this.#end(session);
    }
  }

  /** Makes what a bot could resume end now. */
  expire(botId: string): void {
    for (const session of this.#openSessions(botId)) if (!session.line) this.#end(session);
  }

  /** Connections that are open, identified or not. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Whether the bot has an identified connection. */
  isLive(botId: string): boolean {
    return this.#liveSessions(botId).length > 0;
  }

  /** Tells one bot something of a guild. */
  tell(botId: string, guildId: string, t: string, d: unknown, intent = 0): void {
    for (const session of this.#openSessions(botId)) {
      if (!session.hasGuild(guildId)) continue;
      if ((session.intents & intent) === intent) session.dispatch(t, d);
    }
  }

  /** Tells all bots of a guild something. */
  tellAll(guild: Guild, t: string, d: unknown, intent = 0): void {
    for (const id of guild.members) this.tell(id, guild.id, t, d, intent);
  }

  /** Ends everything at once. */
  stop(): void {
    for (const connection of this.#connections) connection.terminate();
    for (const session of this.sessions) this.#end(session);
    this.#server.close();
  }

  #begin(
    connection: Connection,
    bot: Bot,
    shard: readonly [number, number],
    intents: number,
  ): void {
    const { world, snowflakes, resumeUrl } = this.#parts;
    const session = new Session(`session-${snowflakes.next()}`, bot, shard, intents, connection);
    this.sessions.push(session);
    this.#open.set(bot.id, new Set([...(this.#open.get(bot.id) ?? []), session]));
    connection.session = session;
    const guilds = world.guildsOf(bot.id).filter((guild) => session.hasGuild(guild.id));
    session.dispatch('READY', {
      v: 10,
      user: { ...userJson(world, bot.id), verified: true, email: null, mfa_enabled: true },
      guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
      session_id: session.id,
      resume_gateway_url: resumeUrl(),
      shard,
      application: { id: bot.id, flags: applicationJson(world, bot).flags },
      _trace: [],
    });
    if ((intents & INTENT.guilds) !== 0) {
      for (const guild of guilds) {
        if (guild.available) {
          session.dispatch('GUILD_CREATE', guildCreateJson(world, guild, bot.id));
        } else {
          session.dispatch('GUILD_DELETE', { id: guild.id, unavailable: true });
        }
      }
    }
    this.#parts.changes.notify();
  }

  #attach(session: Session, connection: Connection): void {
    if (session.expiry) clearTimeout(session.expiry);
    session.expiry = null;
    session.line = connection;
    connection.session = session;
  }

  #detach(session: Session): void {
    if (session.line instanceof Connection) session.line.session = null;
    session.line = null;
    if (session.ended || session.expiry) return;
    session.expiry = setTimeout(() => this.#end(session), this.#parts.limits.limits.resumableMs);
  }

  #end(session: Session): void {
    if (session.ended) return;
    session.ended = true;
    this.#open.get(session.bot.id)?.delete(session);
    if (session.expiry) clearTimeout(session.expiry);
    session.expiry = null;
    if (session.line instanceof Connection) session.line.session = null;
    session.line = null;
    this.#listeners.sessionEnded(session);
    this.#parts.changes.notify();
  }

  #openSessions(botId: string): Session[] {
    return [...(this.#open.get(botId) ?? [])];
  }

  #liveSessions(botId: string): Session[] {
    return this.#openSessions(botId).filter((session) => session.line !== null);
  }
}

function refuse(connection: Connection, refusal: Refusal): void {
  if (refusal === 'invalid_session') connection.send(invalidSession(false));
  else connection.close(refusal, '');
}

function invalidSession(resumable: boolean): Packet {
  return { op: OP.invalidSession, d: resumable, s: null, t: null };
}

function shardOf(value: unknown): readonly [number, number] {
  return Array.isArray(value) ? [Number(value[0]), Number(value[1])] : [0, 1];
}

/** A token without the word before it, which Discord ignores here. */
function bare(token: unknown): string {
  return typeof token === 'string' ? token.replace(/^Bot\s+/i, '') : '';
}
