// @ts-check
import { byId, make } from './dom.js';
import { facts } from './facts.js';

/** Questions about the facts in the text, as buttons. @param {import('./desk.js').Text | undefined} text */
export const offer = (text) => {
  const own = text?.needle ? [text.needle.question] : [];
  const questions = text ? [...own, ...(text.bundled ? facts.map(({ question }) => question) : [])] : [];
  byId('suggestions').hidden = questions.length === 0;
  byId('suggestions').replaceChildren(
    ...questions.map((question) => {
      const chip = make('button', { type: 'button', className: 'chip', textContent: question });
      chip.addEventListener('click', () => {
        if (document.body.dataset.state !== 'ready') return;
        byId('question').value = question;
        byId('form').requestSubmit();
      });
      return chip;
    }),
  );
};
