/**
 * Calls of an engine from one tab to another. A broadcast channel carries no ports, so callbacks are numbers here: their
 * places among the arguments. Messages of one tab arrive in their order, so what a callback is told comes before the result.
 */
import type { LonghandError } from '../errors.js';
import { fromPlatform } from './connect.js';
import type { Engine } from './engine.js';
import { type Crossing, packError, unpackError } from './wire.js';

type Method = (...args: unknown[]) => Promise<unknown>;
type Methods = Readonly<Record<string, Method>>;

/** To whichever tab serves in this term. */
export interface TabCall {
  readonly kind: 'call';
  readonly term: string;
  readonly from: string;
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
  readonly callbacks: readonly number[];
}

/** Back to the tab that called. */
export type TabReply = { readonly kind: 'reply'; readonly to: string; readonly id: number } & (
  | { readonly told: number; readonly values: readonly unknown[] }
  | { readonly done: unknown }
  | { readonly failed: Crossing }
);

export type Post = (message: TabCall | TabReply) => void;

/** An engine in another tab. */
export interface FarEngine {
  readonly engine: Engine;
  receive(reply: TabReply): void;
  /** The tab is gone: all that waits for it rejects, and so does what is called from now on. */
  end(error: LonghandError): void;
}

interface Waiting {
  readonly args: readonly unknown[];
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

let ids = 0;

export const callTab = (post: Post, me: string, term: string): FarEngine => {
  const waiting = new Map<number, Waiting>();
  let dead: LonghandError | undefined;

  const call = (method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (dead) {
        reject(dead);
        return;
      }
      const id = ++ids;
      const isCallback = (i: number): boolean => typeof args[i] === 'function';
      try {
        post({
          ...{ kind: 'call', term, from: me, id, method },
          args: args.map((arg, i) => (isCallback(i) ? undefined : arg)),
          callbacks: [...args.keys()].filter(isCallback),
        });
        waiting.set(id, { args, resolve, reject });
      } catch (error) {
        reject(fromPlatform(error));
      }
    });

  return {
    engine: new Proxy({} as Engine, {
      get: (_, method) =>
        method === 'then' ? undefined : (...args: unknown[]) => call(String(method), args),
    }),
    receive(reply) {
      const one = waiting.get(reply.id);
      if (!one) return;
      if ('told' in reply) {
        (one.args[reply.told] as (...values: readonly unknown[]) => void)(...reply.values);
        return;
      }
      waiting.delete(reply.id);
      if ('done' in reply) one.resolve(reply.done);
      else one.reject(unpackError(reply.failed));
    },
    end(error) {
      dead = error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
};

/** Calls the engine as another tab asked, and tells it the outcome. */
export const answerTab = async (engine: Engine, call: TabCall, post: Post): Promise<void> => {
  const { from: to, id, method, args, callbacks } = call;
  const given = args.map((arg, i) =>
    callbacks.includes(i)
      ? (...values: unknown[]): void => post({ kind: 'reply', to, id, told: i, values })
      : arg,
  );
  try {
    const done = await (engine as unknown as Methods)[method]!(...given);
    post({ kind: 'reply', to, id, done });
  } catch (error) {
    post({ kind: 'reply', to, id, failed: packError(error) });
  }
};
