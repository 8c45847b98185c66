// @ts-check
import { byId, make } from './dom.js';
import { facts } from './facts.js';

/**
 * Questions about the facts in the text, as buttons. @param {import('./desk.js').Text | undefined} text
 * @param {number} [part] only about what stands in this part of it, from its beginning
 */
export const offer = (text, part = 1) => {
  const told = [...(text?.needle ? [text.needle] : []), ...(text?.bundled ? facts : [])];
  // A statement stands behind the sentence that its depth falls into, a little deeper.
  const questions = told.filter(({ depth }) => depth < part - 0.01).map(({ question }) => question);
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
