// @ts-check
import { facts } from './facts.js';
import { byId } from './show.js';

/** Questions about the facts in the bundled book, as buttons. */
export const offer = (/** @type {boolean} */ bundled) => {
  const chips = bundled ? facts : [];
  byId('suggestions').hidden = chips.length === 0;
  byId('suggestions').replaceChildren(
    ...chips.map(({ question }) => {
      const chip = document.createElement('button');
      chip.type = 'button';
      chip.className = 'chip';
      chip.textContent = question;
      chip.addEventListener('click', () => {
        if (document.body.dataset.state !== 'ready') return;
        byId('question').value = question;
        byId('form').requestSubmit();
      });
      return chip;
    }),
  );
};
