// @ts-check
import { byId, seconds } from './show.js';

/** What may be done now: `loading`, `empty`, `reading`, `ready`, `answering`, or nothing any more: `failed`. */
export const setState = (/** @type {string} */ state) => {
  const before = document.body.dataset.state ?? '';
  document.body.dataset.state = state;
  const idle = state === 'empty' || state === 'ready';
  for (const id of ['read', 'file']) byId(id).disabled = !idle;
  byId('ask').disabled = state !== 'ready';
  // It keeps the keyboard's place while an answer comes.
  byId('question').disabled = state !== 'ready' && state !== 'answering';
  byId('stop').hidden = state !== 'reading' && state !== 'answering';
  byId('bar').hidden = state !== 'reading' && state !== 'loading';
  byId('transcript').ariaBusy = String(state === 'answering');
  // A control that went away must not take the keyboard's place with it.
  const at = /** @type {any} */ (document.activeElement);
  if (
    idle &&
    ['reading', 'answering'].includes(before) &&
    (!at || at === document.body || at.disabled || at.hidden)
  ) {
    byId(state === 'ready' ? 'question' : 'read').focus();
  }
};

/** `passing`: one of many, which a screen reader should not read out. */
export const say = (/** @type {string} */ text, passing = false) => {
  byId('status').ariaLive = passing ? 'off' : 'polite';
  byId('status').textContent = text;
};

/** @param {number} started @param {number} first tokens that were there before anything was read */
export const showProgress =
  (started, first) =>
  (/** @type {{ loaded: number, total: number }} */ { loaded, total }) => {
    const speed = (loaded - first) / ((performance.now() - started) / 1000);
    const pace =
      speed > 0 ? `, ${Math.round(speed)} tokens/s, ${seconds((total - loaded) / speed)} left` : '';
    byId('bar').value = loaded / total;
    say(`${loaded.toLocaleString()} of ${total.toLocaleString()} tokens${pace}`, true);
  };
