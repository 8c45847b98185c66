import { expose } from 'comlink';
import type { Engine } from './engine.js';
import { carryErrors, type Presence } from './wire.js';

/** Answer calls that come to this worker with `engine`. */
export const serve = (engine: Engine): void => {
  carryErrors();
  const presence: Presence = {
    hold: (lock) =>
      new Promise((held) => {
        void navigator.locks.request(lock, () => {
          held();
          return new Promise(() => undefined);
        });
      }),
  };
  expose(Object.assign(engine, presence));
};
