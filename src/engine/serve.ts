import { expose, type Remote, releaseProxy } from 'comlink';
import type { Engine } from './engine.js';
import { carryErrors, type Presence } from './wire.js';

type Method = (...args: unknown[]) => Promise<unknown>;
type Callback = Remote<(...values: unknown[]) => void>;

/**
 * A method as it is called from the other side. Callbacks come with a port each. The result waits until the last of
 * their calls has arrived, since ports do not wait for each other; then they are let go of.
 */
const served =
  (engine: Engine, method: Method): Method =>
  async (...args) => {
    const callbacks = args.filter((arg) => typeof arg === 'function') as unknown as Callback[];
    let arrived: Promise<unknown> = Promise.resolve();
    const passed = args.map((arg) =>
      typeof arg !== 'function'
        ? arg
        : (...values: unknown[]): void => {
            arrived = (arg as Callback)(...values).catch(() => undefined);
          },
    );
    try {
      return await method.apply(engine, passed);
    } finally {
      await arrived;
      for (const callback of callbacks) callback[releaseProxy]();
    }
  };

/** Answer calls that come to this worker with `engine`. */
export const serve = (engine: Engine): void => {
  carryErrors();
  const hold: Presence['hold'] = (lock) =>
    new Promise((held, refused) => {
      // A browser that lets nothing be kept may refuse locks too.
      navigator.locks
        .request(lock, () => {
          held();
          return new Promise(() => undefined);
        })
        .catch(refused);
    });
  expose(
    new Proxy(engine, {
      get: (_, name) => {
        if (name === 'hold') return hold;
        const method = Reflect.get(engine, name) as unknown;
        return typeof method === 'function' ? served(engine, method as Method) : method;
      },
    }),
  );
};
