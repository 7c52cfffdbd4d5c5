/** A client that tells an answer from no answer: a lost connection rejects. */
import { Agent, request } from 'node:http';
import { onTestFinished } from 'vitest';

export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

export class Client {
  readonly #url: string;
  readonly #agent: Agent;

  constructor(url: string, connections = 32) {
    this.#url = url;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  call(
    method: string,
    path: string,
    body?: unknown,
    headers: { readonly [name: string]: string } = {},
  ): Promise<Reply> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const own = text === undefined ? {} : { 'content-type': 'application/json' };
      const sent = request(
        this.#url + path,
        { method, agent: this.#agent, headers: { ...own, ...headers } },
        (response) => {
          let received = '';
          response.setEncoding('utf8').on('data', (part: string) => {
            received += part;
          });
          response.on('error', reject);
          response.on('end', () => {
            const type = response.headers['content-type'] ?? '';
            resolve({
              status: response.statusCode ?? 0,
              type,
              headers: response.headers,
              json: /json/.test(type) && received !== '' ? JSON.parse(received) : undefined,
            });
          });
        },
      );
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** Every item of a list, page by page. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  async list(path: string): Promise<any[]> {
    const items: unknown[] = [];
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `&cursor=${cursor}`;
      const { status, json } = await this.call('GET', `${path}?limit=1000${query}`);
      if (status !== 200) throw new Error(`${path} was answered with ${status}`);
      items.push(...json.items);
      cursor = json.next_cursor;
    } while (cursor !== null);
    return items;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** One that closes its connections when the test is over. */
export function clientOf(url: string, connections?: number): Client {
  const client = new Client(url, connections);
  onTestFinished(() => client.close());
  return client;
}

/** Calls `work` for every item, so many at a time. */
export async function inParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done; next = iterator.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
