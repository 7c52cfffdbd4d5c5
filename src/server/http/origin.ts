/**
 * Without keys, whatever runs on this machine may call, and so could any web page that a browser
 * on it shows. A browser says where a request comes from: from another site it is refused.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../config/checks.ts';

/** Why the request is refused, or null. */
export function foreignOrigin(
  method: string,
  headers: IncomingHttpHeaders,
  publicUrl: string,
): string | null {
  // Reading changes nothing, a browser shows the answer to no other site, and links must work.
  if (method === 'GET' || method === 'HEAD') return null;
  const { origin, host = '' } = headers;
  const site = headers['sec-fetch-site'];
  if (site === 'cross-site' || site === 'same-site') {
    return 'A page of another site sent this request; only the pages of the pool itself may.';
  }
  if (origin === undefined) return null;
  const from = URL.canParse(origin) ? new URL(origin) : null;
  if (from?.host !== host && (publicUrl === '' || from?.origin !== new URL(publicUrl).origin)) {
    return `A page of ${from?.host ?? 'an unknown origin'} sent this request; only the pages of the pool itself may.`;
  }
  // A name that somebody else owns can be made to point here (DNS rebinding).
  if (publicUrl === '' && from && !isLoopback(from.hostname)) {
    return `The pool does not know itself as ${from.host}; set server.public_url if browsers reach it there.`;
  }
  return null;
}
