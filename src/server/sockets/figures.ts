/** How many WebSockets are open, for whoever asks; filled once they can be. */
export interface OpenSockets {
  readonly runnerSockets: number;
  readonly hostedAgents: number;
  readonly clientSockets: number;
}

export class SocketFigures {
  #count: () => OpenSockets = () => ({ runnerSockets: 0, hostedAgents: 0, clientSockets: 0 });

  from(count: () => OpenSockets): void {
    this.#count = count;
  }

  figures(): OpenSockets {
    return this.#count();
  }
}
