/** A replay that cannot be done as it was asked for. The message says why, for a person. */
export class ReplayError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReplayError';
  }
}
