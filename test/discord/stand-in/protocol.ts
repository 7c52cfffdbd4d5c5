/**
 * The numbers of Discord's public protocol, version 10, as its documentation lists them. They are
 * written here a second time on purpose: a client library that has one of them wrong must not agree
 * with the stand-in by sharing its table.
 */

/** Operations of gateway packets. */
export const OP = {
  dispatch: 0,
  heartbeat: 1,
  identify: 2,
  presence: 3,
  voiceState: 4,
  resume: 6,
  reconnect: 7,
  invalidSession: 9,
  hello: 10,
  heartbeatAck: 11,
} as const;

/** Codes with which the gateway, or a client, closes a connection. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  unknownOpcode: 4001,
  decodeError: 4002,
  notAuthenticated: 4003,
  authenticationFailed: 4004,
  alreadyAuthenticated: 4005,
  invalidSeq: 4007,
  rateLimited: 4008,
  sessionTimedOut: 4009,
  invalidApiVersion: 4012,
  disallowedIntents: 4014,
} as const;

/** Bits of the intents that decide what the stand-in sends. */
export const INTENT = {
  guilds: 1 << 0,
  guildMembers: 1 << 1,
  guildVoiceStates: 1 << 7,
  guildPresences: 1 << 8,
  messageContent: 1 << 15,
} as const;

/** Intents that a bot has only when its owner has switched them on. */
export const PRIVILEGED_INTENTS =
  INTENT.guildMembers | INTENT.guildPresences | INTENT.messageContent;

/** Types of channels. */
export const CHANNEL_TYPE = { text: 0, voice: 2 } as const;

/** Types of the first answer to an interaction. */
export const CALLBACK = { message: 4, deferredMessage: 5 } as const;

/** An error as REST tells it: the HTTP status, and a number and a text in the body. */
export interface ApiError {
  status: number;
  code: number;
  message: string;
}

/** Errors that REST answers name by a number of their own. */
export const API_ERROR = {
  unknownChannel: { status: 404, code: 10003, message: 'Unknown Channel' },
  unknownGuild: { status: 404, code: 10004, message: 'Unknown Guild' },
  unknownMember: { status: 404, code: 10007, message: 'Unknown Member' },
  unknownMessage: { status: 404, code: 10008, message: 'Unknown Message' },
  unknownUser: { status: 404, code: 10013, message: 'Unknown User' },
  unknownWebhook: { status: 404, code: 10015, message: 'Unknown Webhook' },
  unknownInteraction: { status: 404, code: 10062, message: 'Unknown interaction' },
  unknownCommand: { status: 404, code: 10063, message: 'Unknown application command' },
  unknownVoiceState: { status: 404, code: 10065, message: 'Unknown Voice State' },
  acknowledged: {
    status: 400,
    code: 40060,
    message: 'Interaction has already been acknowledged.',
  },
  missingAccess: { status: 403, code: 50001, message: 'Missing Access' },
  invalidForm: { status: 400, code: 50035, message: 'Invalid Form Body' },
  unauthorized: { status: 401, code: 0, message: '401: Unauthorized' },
  notFound: { status: 404, code: 0, message: '404: Not Found' },
  notAllowed: { status: 405, code: 0, message: '405: Method Not Allowed' },
} as const satisfies Record<string, ApiError>;

/** A JSON object whose members still have to be looked at. */
export type JsonObject = Record<string, unknown>;

/** One gateway packet; `s` and `t` are set on dispatches only. */
export interface Packet {
  op: number;
  d: unknown;
  s: number | null;
  t: string | null;
}

/** Whether a parsed value is an object with named members. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
