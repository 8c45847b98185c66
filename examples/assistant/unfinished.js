// @ts-check
// A question on its way, noted before it is asked: an answer that a closed tab cut off is nowhere else.
import { byId, make } from '../reader/dom.js';
import { note, recall } from '../reader/notes.js';

/** @typedef {{ question: string, text: string }} Unfinished */

const nameOf = (/** @type {string} */ id) => `longhand-assistant-asked-${id}`;

/** @param {string} id @returns {Unfinished | undefined} */
export const unfinishedOf = (id) => {
  const noted = recall(nameOf(id));
  return noted === undefined ? undefined : JSON.parse(noted);
};

/** @param {string} id @param {Unfinished | undefined} what nothing: it was answered, or given up */
export const noteUnfinished = (id, what) => note(nameOf(id), what && JSON.stringify(what));

/**
 * @param {Unfinished | undefined} what @param {boolean} asked whether the question stands in the conversation
 * @param {{ again: () => void, leave: () => void } | undefined} deeds nothing: another tab answers
 */
export const showUnfinished = (what, asked, deeds) => {
  byId('unfinished').hidden = what === undefined;
  if (!what) return;
  const again = make('button', { type: 'button', id: 'ask-again', textContent: 'Ask again' });
  const leave = make('button', { type: 'button', className: 'quiet', textContent: 'Leave it' });
  again.addEventListener('click', () => deeds?.again());
  leave.addEventListener('click', () => deeds?.leave());
  byId('unfinished').replaceChildren(
    ...(asked ? [] : [make('p', { className: 'said user', dir: 'auto', textContent: what.question })]),
    ...(what.text === '' ? [] : [make('p', { className: 'answer', dir: 'auto', textContent: what.text })]),
    make('p', {
      className: 'hint',
      textContent: deeds
        ? 'This answer was not finished: the tab or the engine that wrote it went away. All before it is here.'
        : 'Another tab is answering this.',
    }),
    ...(deeds ? [make('div', { className: 'row' }, again, leave)] : []),
  );
};
