import type { ServerResponse } from 'node:http';

/** Fires when the client hangs up before it has its answer. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const { socket } = response;
  const close = (): void => {
    socket?.off('end', close);
    if (response.writableFinished) return;
    controller.abort();
    // Half a connection would stay open for an answer that nobody gives.
    response.destroy();
  };
  if (response.destroyed || response.closed) {
    controller.abort();
  } else {
    response.once('close', close);
    // Whoever closes its side while it waits has left, though it could still be answered.
    socket?.once('end', close);
  }
  return controller.signal;
}
