// @ts-check
import { byId, make } from './dom.js';
import { showProblem } from './problems.js';

/** @param {string} name @param {string} note @param {...HTMLElement} more buttons */
export const listEntry = (name, note, ...more) =>
  make(
    'li',
    {},
    make('span', {}, name, make('small', { textContent: note })),
    make('div', { className: 'row' }, ...more),
  );

/** A button for one of many things: whoever does not see which says so. @param {string} verb @param {string} what @param {() => Promise<unknown>} work */
export const listButton = (verb, what, work) => {
  const button = make('button', {
    type: 'button',
    className: 'quiet',
    textContent: verb,
    ariaLabel: `${verb}: ${what}`,
  });
  button.addEventListener('click', () => void work().catch(showProblem));
  return button;
};

/** @param {string} id @param {HTMLElement[]} entries */
export const fillList = (id, entries) => {
  byId(id).replaceChildren(...entries);
  byId(`${id}-title`).hidden = entries.length === 0;
};
