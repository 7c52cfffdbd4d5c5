/** Asks the model of an OpenAI-compatible API. */
import { LIMITS } from '../limits.ts';
import { type PostAnswer, type Poster, reasonOf } from '../post.ts';
import type { ChatSettings } from '../settings.ts';
import type { Message } from '../work.ts';

export interface ChatAnswer {
  readonly answer: string;
  readonly model: string;
}

/** `detail` never holds words of the API: those of some repeat part of the key. */
export type ChatResult =
  | { readonly ok: true; readonly answer: ChatAnswer }
  | { readonly ok: false; readonly code: 'CHAT_FAILED' | 'CHAT_TIMEOUT'; readonly detail: string };

export async function askModel(
  poster: Poster,
  { model, key }: ChatSettings,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<ChatResult> {
  let answer: PostAnswer;
  try {
    answer = await poster.post('chat/completions', {
      body: { model, messages, stream: false },
      key,
      timeoutMs: LIMITS.chatMs,
      maxBytes: LIMITS.chatAnswerBytes,
      signal,
    });
  } catch (error) {
    const isLate = (error as Error).name === 'TimeoutError';
    const code = isLate ? 'CHAT_TIMEOUT' : 'CHAT_FAILED';
    return { ok: false, code, detail: `The chat API cannot be used: ${reasonOf(error)}.` };
  }
  if (answer.status !== 200) {
    return failed(`The chat API answered with status ${answer.status}.`);
  }
  return readAnswer(answer.text, model);
}

function failed(detail: string): ChatResult {
  return { ok: false, code: 'CHAT_FAILED', detail };
}

function readAnswer(text: string, model: string): ChatResult {
  let body: { model?: unknown; choices?: { message?: { content?: unknown } }[] };
  try {
    body = JSON.parse(text);
  } catch {
    return failed('The chat API did not answer with JSON.');
  }
  const content = body?.choices?.[0]?.message?.content;
  if (typeof content !== 'string') return failed('The answer of the chat API holds no text.');
  const answeredBy = typeof body.model === 'string' ? body.model : model;
  return { ok: true, answer: { answer: content, model: answeredBy } };
}
