// @ts-check
import { byId } from '../reader/dom.js';

/**
 * What the panel has before it. `text` is the page's, or what was selected of it.
 * @type {{
 *   engine: import('./remote.js').Engine,
 *   page: import('./tab.js').OpenPage | undefined,
 *   text: string,
 *   id: string | undefined,
 *   keepsNothing: boolean,
 * }}
 */
export const desk = {
  engine: /** @type {any} */ (undefined),
  page: undefined,
  text: '',
  id: undefined,
  keepsNothing: false,
};

/**
 * `loading`, `blank` (no page), `page` (one that is not read), `reading`, `ready`, `answering`, `failed`. Controls say in
 * `data-when` in which of them they work, in `data-shown` in which they are there.
 */
export const setState = (/** @type {string} */ state) => {
  document.body.dataset.state = state;
  const lists = (/** @type {string | undefined} */ words) => words?.split(' ').includes(state) ?? false;
  for (const element of document.querySelectorAll('[data-shown]')) {
    const shown = /** @type {HTMLElement} */ (element);
    shown.hidden = !lists(shown.dataset.shown);
  }
  for (const element of document.querySelectorAll('[data-when]')) {
    const control = /** @type {HTMLInputElement} */ (element);
    control.disabled = !lists(control.dataset.when);
  }
  byId('read-selection').hidden ||= !desk.page?.selection;
  byId('transcript').ariaBusy = String(state === 'answering');
};

export const isState = (/** @type {string[]} */ ...states) =>
  states.includes(document.body.dataset.state ?? '');

/** `passing`: one of many, which a screen reader should not read out. */
export const say = (/** @type {string} */ text, passing = false) => {
  byId('status').ariaLive = passing ? 'off' : 'polite';
  byId('status').textContent = text;
};
