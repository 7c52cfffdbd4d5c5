/** Answers to interactions. The token in the path is the permission; the bot's own is not needed. */
import type { SlashCall } from '../interactions.ts';
import { API_ERROR, CALLBACK } from '../protocol.ts';
import { bodyObject, type Call, NO_CONTENT, ok, type Reply, type Route } from './route.ts';

const WEBHOOK = '/webhooks/:application/:token';
const MESSAGE = `${WEBHOOK}/messages/:message`;

export const ANSWER_ROUTES: readonly Route[] = [
  { method: 'POST', path: '/interactions/:id/:token/callback', auth: false, handle: callback },
  {
    method: 'POST',
    path: WEBHOOK,
    auth: false,
    handle: withCall((call, slash) =>
      ok(call.platform.interactions.followUp(slash, bodyObject(call))),
    ),
  },
  {
    method: 'GET',
    path: MESSAGE,
    auth: false,
    handle: withCall((call, slash) => found(slash.messages.get(call.params.message!))),
  },
  {
    method: 'PATCH',
    path: MESSAGE,
    auth: false,
    handle: withCall((call, slash) =>
      found(call.platform.interactions.edit(slash, call.params.message!, bodyObject(call))),
    ),
  },
  {
    method: 'DELETE',
    path: MESSAGE,
    auth: false,
    handle: withCall((call, slash) =>
      call.platform.interactions.delete(slash, call.params.message!)
        ? NO_CONTENT
        : { error: API_ERROR.unknownMessage },
    ),
  },
];

function callback(call: Call): Reply {
  const { interactions } = call.platform;
  const body = bodyObject(call);
  if (body.type !== CALLBACK.message && body.type !== CALLBACK.deferredMessage) {
    return { error: API_ERROR.invalidForm };
  }
  const result = interactions.callback(call.params.id!, call.params.token!, body);
  if ('error' in result) return result;
  if (call.query.get('with_response') !== 'true') return NO_CONTENT;
  const message = result.messages.get('@original')!;
  return ok({
    interaction: {
      id: result.id,
      type: 2,
      response_message_id: message.id,
      response_message_loading: body.type === CALLBACK.deferredMessage,
      response_message_ephemeral: (Number(message.flags) & (1 << 6)) !== 0,
    },
    resource: { type: body.type, message },
  });
}

/** Hands on only calls with a token that is good, and after the first answer. */
function withCall(handle: (call: Call, slash: SlashCall) => Reply): (call: Call) => Reply {
  return (call) => {
    const slash = call.platform.interactions.find(call.params.token!);
    if (slash?.bot.id !== call.params.application || slash.answers.length === 0) {
      return { error: API_ERROR.unknownWebhook };
    }
    return handle(call, slash);
  };
}

function found(message: unknown): Reply {
  return message === undefined ? { error: API_ERROR.unknownMessage } : ok(message);
}
