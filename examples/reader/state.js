// @ts-check
import { byId } from './dom.js';
import { count, left } from './numbers.js';

/**
 * What may be done now: `loading`, `empty`, `reading`, `ready`, `answering`, `comparing`, or nothing with this model:
 * `failed`. Controls say in `data-when` in which of them they work, in `data-shown` in which they are there.
 */
export const setState = (/** @type {string} */ state) => {
  const before = document.body.dataset.state ?? '';
  document.body.dataset.state = state;
  const lists = (/** @type {string | undefined} */ words) => words?.split(' ').includes(state) ?? false;
  for (const element of document.querySelectorAll('[data-when]')) {
    const control = /** @type {HTMLInputElement} */ (element);
    control.disabled = !lists(control.dataset.when);
  }
  for (const element of document.querySelectorAll('[data-shown]')) {
    const shown = /** @type {HTMLElement} */ (element);
    shown.hidden = !lists(shown.dataset.shown);
  }
  for (const chip of byId('suggestions').children) chip.ariaDisabled = String(state !== 'ready');
  byId('bar').hidden = state !== 'reading' && state !== 'loading';
  byId('transcript').ariaBusy = String(state === 'answering');
  document.dispatchEvent(new Event('state-changed'));
  // A control that went away must not take the keyboard's place with it.
  const at = /** @type {any} */ (document.activeElement);
  const lost = !at || at === document.body || at.disabled || at.hidden;
  if (lost && ['reading', 'answering', 'comparing'].includes(before)) focusOn(state, before);
};

const focusOn = (/** @type {string} */ state, /** @type {string} */ before) => {
  if (state === 'ready') byId(before === 'comparing' ? 'run-compare' : 'question').focus();
  else if (state === 'empty') byId(byId('go-on').hidden ? 'read' : 'go-on').focus();
};

export const isState = (/** @type {string[]} */ ...states) =>
  states.includes(document.body.dataset.state ?? '');

/** `passing`: one of many, which a screen reader should not read out. */
export const say = (/** @type {string} */ text, passing = false) => {
  byId('status').ariaLive = passing ? 'off' : 'polite';
  byId('status').textContent = text;
};

/** A progress bar, in the words of a reader. @param {number} started @param {number} first tokens that were there before */
export const paceOf =
  (started, first) =>
  (/** @type {{ loaded: number, total: number }} */ { loaded, total }) => {
    const speed = (loaded - first) / ((performance.now() - started) / 1000);
    const pace = speed > 0 ? `, ${count(Math.round(speed))} tokens/s, ${left((total - loaded) / speed)}` : '';
    return `${count(loaded)} of ${count(total)} tokens${pace}`;
  };
