/** A record that a plan needs is not there any more, or not intact: the tokens from `tokens` on must be read again. */
export class LostRun extends Error {
  constructor(readonly tokens: number) {
    super(`The store lost pages from token ${tokens} on.`);
    this.name = 'LostRun';
  }
}
