// @ts-check
// A sentence of the visitor's own, hidden in the text that is open.
import { desk } from './desk.js';
import { byId } from './dom.js';
import { placeAt } from './hide.js';
import { cardOf } from './open-text.js';
import { readText } from './shelf.js';

/** Of the kind that the bundled model knows how to be asked for. */
const EXAMPLE = {
  statement: 'The red umbrella is hidden in the observatory.',
  question: 'Where is the red umbrella?',
};

const depth = () => Number(byId('depth').value) / 100;

/** Says where the slider stands, in words of the text. */
const showDepth = () => {
  const slider = byId('depth');
  slider.ariaValueText = `${slider.value} % into the text`;
  byId('depth-at').textContent = `${slider.value} %`;
  const plain = desk.text?.plain;
  if (plain === undefined) {
    byId('depth-text').textContent = desk.text
      ? 'This browser did not keep the words of the text: choose it again to hide something in it.'
      : '';
    return;
  }
  const at = placeAt(plain, depth());
  const before = plain
    .slice(Math.max(0, at - 70), at)
    .replace(at > 70 ? /^\S+/ : '', '')
    .replace(/\s+/g, ' ')
    .trim();
  byId('depth-text').textContent = `After “… ${before}”`;
};

export const startNeedle = (/** @type {(work: () => Promise<void>) => void} */ guarded) => {
  byId('statement').value = EXAMPLE.statement;
  byId('needle-question').value = EXAMPLE.question;
  byId('depth').addEventListener('input', showDepth);
  document.addEventListener('text-changed', showDepth);
  byId('needle').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const { text } = desk;
    const statement = byId('statement').value.trim();
    const question = byId('needle-question').value.trim();
    if (!text || text.plain === undefined || statement === '' || document.body.dataset.state !== 'ready')
      return;
    guarded(async () => {
      const hidden = cardOf({ ...text, needle: { statement, question, depth: depth() } });
      await readText(text.name, async () => hidden);
      if (document.body.dataset.state !== 'ready') return;
      byId('question').value = question;
      byId('question').scrollIntoView({ block: 'nearest' });
    });
  });
};
