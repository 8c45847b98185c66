import { LonghandError } from '../errors.js';
import type { Store } from './store.js';

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
/** The same once a call was given up, until one is answered again. */
const LOOKS_MORE = 2;

const noAnswer = (call: string, looks: number): LonghandError =>
  new LonghandError(
    'storage/unavailable',
    `The browser's storage did not answer (${call}), though it was looked for ${looks} times. What was stored before stays, and what ` +
      'is read goes on in memory. Reload the page, or restart the browser, to store again.',
    { call, looks },
  );

export const createPatience = (lookMs = LOOK_MS): Patience => {
  const underWay = new Set<{ looks: number; giveUp(): void }>();
  let timer: ReturnType<typeof setInterval> | undefined;
  let most = LOOKS;

  const look = (): void => {
    for (const call of underWay) if (++call.looks > most) call.giveUp();
    if (underWay.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };

  return {
    async within(name, answer) {
      let giveUp!: (error: LonghandError) => void;
      const call = {
        looks: 0,
        giveUp(): void {
          underWay.delete(call);
          most = LOOKS_MORE;
          giveUp(noAnswer(name, call.looks));
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
      const never = new Promise<never>((_, reject) => {
        giveUp = reject;
      });
      return Promise.race([answer, never]);
    },
  };
};

const isNoAnswer = (error: LonghandError): boolean => error.code === 'storage/unavailable';

/**
 * `store`, whose calls are waited for with patience. One that is given up may still be done later; to close is given up in
 * silence. Locks are waited for as long as others hold them.
 */
export const patient = <S extends Store>(store: S, { within }: Patience): S => {
  const parts = Object.entries(store).map(([name, part]) => {
    if (typeof part !== 'function' || name === 'lock') return [name, part];
    const call = (...args: unknown[]): unknown => {
      const answer: unknown = part(...args);
      return answer instanceof Promise ? within(name, answer) : answer;
    };
    return [name, call];
  });
  const close = (): Promise<void> =>
    within('close', store.close()).catch((error) => {
      if (!isNoAnswer(error)) throw error;
    });
  return { ...Object.fromEntries(parts), close } as S;
};
