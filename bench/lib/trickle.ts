/** A steady trickle of leases beside something else, to feel how long that holds the writer up. */
import { HttpClient } from './http-client.ts';
import { quantile } from './report.ts';

/** Milliseconds of a lease request, from the moment at which it was due. */
export interface Delays {
  readonly requests: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const EVERY_MS = 5;
const CONNECTIONS = 64;

/** Goes on until `until` resolves. Every lease is released as soon as it is granted. */
export async function trickle<T>(port: number, until: Promise<T>): Promise<[T, Delays]> {
  const client = new HttpClient(port, CONNECTIONS);
  const delays: number[] = [];
  const failures: string[] = [];
  let sent = 0;
  let answered = 0;
  const pair = (due: number): void => {
    sent += 1;
    const body = JSON.stringify({ tenant: `trickle-${sent}`, reuse: false });
    client.send('POST', '/v1/leases', body, (error, status, text) => {
      delays.push(performance.now() - due);
      answered += 1;
      if (error !== null || status !== 201) {
        failures.push(error?.message ?? `${status} ${text}`);
        return;
      }
      const { leases } = JSON.parse(text) as { leases: [{ lease_id: string }] };
      client.send('DELETE', `/v1/leases/${leases[0].lease_id}`, '', (lost, code) => {
        if (lost !== null || code !== 200) failures.push(lost?.message ?? `release: ${code}`);
      });
    });
  };
  let due = performance.now();
  const timer = setInterval(() => {
    for (; due <= performance.now(); due += EVERY_MS) pair(due);
  }, 1);
  try {
    const value = await until;
    clearInterval(timer);
    while (answered < sent) await new Promise((resolve) => setTimeout(resolve, 1));
    if (failures.length > 0) throw new Error(`${failures.length} failed: ${failures[0]}`);
    delays.sort((a, b) => a - b);
    const at = (q: number) => Math.round(quantile(delays, q) * 100) / 100;
    return [value, { requests: sent, p50: at(0.5), p99: at(0.99), max: at(1) }];
  } finally {
    clearInterval(timer);
    client.close();
  }
}
