import type { ServerResponse } from 'node:http';

/** Fires when the client hangs up before it has its answer. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const close = (): void => {
    if (!response.writableFinished) controller.abort();
  };
  if (response.destroyed || response.closed) controller.abort();
  else response.once('close', close);
  return controller.signal;
}
