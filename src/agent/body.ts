/** Reads the body of a request as JSON. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { LIMITS, MIB } from './limits.ts';
import { type Answer, problem } from './problem.ts';

export type BodyResult =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly answer: Answer };

export async function readBody(request: IncomingMessage): Promise<BodyResult> {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = request.headers;
  if (!/^application\/json\s*(;|$)/i.test(type) || encoding !== 'identity') {
    const detail = 'Send JSON with Content-Type: application/json, not compressed.';
    return refused(problem('UNSUPPORTED_MEDIA_TYPE', detail));
  }
  const bytes = await collect(request);
  if (bytes === null) {
    return refused(problem('TOO_LARGE', `The body exceeds ${LIMITS.bodyBytes / MIB} MiB.`));
  }
  if (!isUtf8(bytes)) return refused(problem('INVALID_REQUEST', 'The body is not valid UTF-8.'));
  try {
    return { ok: true, body: JSON.parse(bytes.toString('utf8')) };
  } catch (error) {
    const reason = (error as Error).message;
    return refused(problem('INVALID_REQUEST', `The body is not valid JSON: ${reason}.`));
  }
}

function refused(answer: Answer): BodyResult {
  return { ok: false, answer };
}

/** Null if there is more than the limit. Never resolves for a client that hangs up. */
function collect(request: IncomingMessage): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const add = (chunk: Buffer): void => {
      length += chunk.length;
      if (length <= LIMITS.bodyBytes) {
        chunks.push(chunk);
        return;
      }
      // The rest is read and dropped: a client that is cut off while it sends never sees the answer.
      request.off('data', add).resume();
      resolve(null);
    };
    request.on('data', add).once('end', () => resolve(Buffer.concat(chunks)));
  });
}
