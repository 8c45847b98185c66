import type { Message } from '../../index.js';

/** What was said in one call: it is evicted together. */
export interface Group {
  readonly messages: readonly Message[];
  readonly tokens: number;
}

/** Where a dialogue stands. */
export interface State {
  /** Messages that the session has. */
  readonly said: number;
  /** What the user said last, as long as it is short: it is read with what follows. */
  readonly pending: string;
  /** The session stands in a turn of the user's. */
  readonly open: boolean;
  readonly groups: readonly Group[];
  /** Tokens that all of it takes. */
  readonly usage: number;
}
