import { LonghandError } from '../errors.js';
import { openStore, type StoreName } from './index.js';
import type { Store, StoreOptions } from './store.js';

/** Waits for storage, but not for ever: browsers are known to leave a request without an answer. */
export interface Patience {
  /** What `answer` settles to; rejects with `storage/unavailable` where it does not. `call` is what was asked for, in a word. */
  within<T>(call: string, answer: Promise<T>): Promise<T>;
}

/** Milliseconds between two looks at what is under way. */
const LOOK_MS = 1000;
/**
 * Looks without an answer after which none is waited for. Looks and not seconds: a thread that computes, or a device that slept,
 * hears the answer before it has looked so often.
 */
const LOOKS = 60;
/** The same for what is asked after a call was given up, until one is answered again. */
const LOOKS_MORE = 2;

const noAnswer = (call: string, looks: number): LonghandError =>
  new LonghandError(
    'storage/unavailable',
    `The browser's storage did not answer (${call}), though it was looked for ${looks} times. What was stored before stays, and what ` +
      'is read goes on in memory. Reload the page, or restart the browser, to store again.',
    { call, looks },
  );

export const createPatience = (lookMs = LOOK_MS): Patience => {
  const underWay = new Set<{ looks: number; readonly most: number; giveUp(): void }>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let most = LOOKS;

  const look = (): void => {
    for (const call of underWay) if (++call.looks > call.most) call.giveUp();
    if (underWay.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    async within(name, answer) {
      let reject!: (error: LonghandError) => void;
      const call = {
        looks: 0,
        most,
        giveUp(): void {
          underWay.delete(call);
          most = LOOKS_MORE;
          reject(noAnswer(name, call.looks));
        },
      };
      underWay.add(call);
      if (timer === undefined) {
        timer = setInterval(look, lookMs);
        // A program of Node that has nothing else to do may end.
        (timer as { unref?(): void }).unref?.();
      }
      const answered = (): void => {
        underWay.delete(call);
        most = LOOKS;
      };
      answer.then(answered, answered);
      const never = new Promise<never>((_, refuse) => {
        reject = refuse;
      });
      return Promise.race([answer, never]);
    },
  };
};

/** It was we who gave it up. */
const isNoAnswer = ({ details }: Partial<LonghandError>): boolean => details?.looks !== undefined;

/**
 * `store`, whose calls are waited for with patience. One that is given up may still be done later: locks that are taken to write
 * are let go of only once no such commit is left. To close is given up in silence. Locks are waited for as
 * long as others hold them.
 */
export const patient = (store: Store, { within }: Patience): Store => {
  /** Commits that were given up and have not settled. */
  const unsettled = new Set<Promise<void>>();
  return {
    ...store,
    get: (key) => within('get', store.get(key)),
    getMany: (keys) => within('getMany', store.getMany(keys)),
    ...(store.lend && {
      async lend(keys, use) {
        let isOver = false;
        const handed = store.lend!(keys, (bytes, n) => {
          if (!isOver) use(bytes, n);
        });
        await within('lend', handed).finally(() => {
          isOver = true;
        });
      },
    }),
    async commit(batch) {
      const done = store.commit(batch);
      await within('commit', done).catch((error) => {
        if (isNoAnswer(error)) {
          const settled = done
            .catch(() => undefined)
            .then(() => {
              unsettled.delete(settled);
            });
          unsettled.add(settled);
        }
        throw error;
      });
    },
    list: (prefix) => within('list', store.list(prefix)),
    size: (prefix) => within('size', store.size(prefix)),
    async lock(name, how) {
      const unlock = await store.lock(name, how);
      if (!unlock || !how?.writes) return unlock;
      return () => {
        if (unsettled.size === 0) unlock();
        else void Promise.all(unsettled).then(unlock);
      };
    },
    close: () =>
      within('close', store.close()).catch((error) => {
        if (!isNoAnswer(error)) throw error;
      }),
  };
};

/** As `openStore`, with patience for the opening and for every call. What opens later than is waited for is closed. */
export const openPatiently = async (
  name: StoreName,
  options: StoreOptions,
  patience = createPatience(),
): Promise<Store> => {
  if (name === 'memory') return openStore(name, options);
  const opening = openStore(name, options);
  try {
    return patient(await patience.within('open', opening), patience);
  } catch (error) {
    opening.then(({ close }) => close()).catch(() => undefined);
    throw error;
  }
};
