// @ts-check
import { limits } from './limits.js';
import { Unreadable } from './unreadable.js';

/**
 * @typedef {{ title: string, text: string, share: number }} Found `share` of the file that the text is from, from 0 to 1
 * @typedef {{ most: number, onProgress: (share: number) => void }} How `most`: characters of text, about
 * @typedef {(bytes: Uint8Array, how: How) => Promise<Found>} Read what each parser exports
 */

/**
 * The text of a file, taken apart in a worker of its own, which is ended when it takes too long or is not wanted any more.
 * Rejects with `Unreadable`, or as the signal says.
 * @param {File} file
 * @param {{ most: number, signal: AbortSignal, onProgress: (share: number) => void }} how
 * @returns {Promise<Found & { kind: import('./kind-of.js').Kind }>}
 */
export const extract = (file, { most, signal, onProgress }) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const worker = new Worker(new URL('./parse.js', import.meta.url), { type: 'module' });
    const end = (/** @type {() => void} */ settle) => {
      clearTimeout(silence);
      clearTimeout(whole);
      signal.removeEventListener('abort', abort);
      worker.terminate();
      settle();
    };
    const fail = (/** @type {import('./unreadable.js').Why} */ code, detail = '') =>
      end(() => reject(new Unreadable(code, detail)));
    const abort = () => end(() => reject(signal.reason));
    const slow = () => fail('slow');
    const whole = setTimeout(slow, limits.seconds * 1000);
    let silence = setTimeout(slow, limits.silentSeconds * 1000);
    signal.addEventListener('abort', abort);
    worker.addEventListener('error', ({ message }) => fail('parser', message));
    worker.addEventListener('message', ({ data: said }) => {
      clearTimeout(silence);
      silence = setTimeout(slow, limits.silentSeconds * 1000);
      if (said.found) end(() => resolve(said.found));
      else if (said.code) fail(said.code, said.detail);
      // The reader of PDF says things of its own.
      else if (typeof said.share === 'number') onProgress(said.share);
    });
    worker.postMessage({ file, most });
  });
