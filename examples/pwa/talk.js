// @ts-check
import { strongest } from '../reader/bins.js';
import { desk, startRunning } from '../reader/desk.js';
import { byId, make } from '../reader/dom.js';
import { percent, seconds, speed } from '../reader/numbers.js';
import { showPassage } from '../reader/passage.js';
import { clearProblem, isAbort, showProblem } from '../reader/problems.js';
import { ask } from './core.js';
import { changed } from './shelf.js';
import { setText } from './volume.js';

/** Longest answer, in tokens; passages that are named with it. */
const ANSWER = 320;
const PLACES = 3;

/** @param {readonly import('../../dist/index.js').Source[]} sources @param {number} tokens */
const places = (sources, tokens) =>
  strongest(sources, PLACES).map((place, n) => {
    const where = percent(place.start / tokens);
    const button = make('button', { type: 'button', className: 'chip', textContent: `${where} in` });
    button.ariaLabel = `Read the passage ${where} into the text, ${n + 1}. of those that were looked at most`;
    button.addEventListener('click', () =>
      showPassage(place, { tokens, read: tokens }, false)
        .then(() => byId('passage').scrollIntoView({ block: 'nearest' }))
        .catch(showProblem),
    );
    return button;
  });

/** Asks, streams the answer as text, and names the passages that it was read from. @param {string} question */
const talk = async (question) => {
  const { session } = desk;
  if (!session) return;
  setText('answering');
  clearProblem();
  const out = make('p', { className: 'answer', dir: 'auto' });
  const cost = make('p', { className: 'cost' });
  const from = make('div', {
    className: 'row',
    role: 'group',
    ariaLabel: `Passages behind the answer to “${question}”`,
  });
  byId('transcript').append(
    make(
      'article',
      {},
      make('p', { className: 'question', textContent: question, dir: 'auto' }),
      out,
      cost,
      from,
    ),
  );
  out.scrollIntoView({ block: 'nearest' });
  try {
    const answer = ask(session, question, {
      maxTokens: ANSWER,
      signal: startRunning(),
      sources: true,
      // What was evicted is read first, which takes its time; a question alone does not.
      onProgress: ({ loaded, total }) => {
        cost.textContent = loaded < total ? `Reads: ${percent(loaded / total)}` : '';
      },
    });
    for await (const piece of answer) out.textContent += piece;
    const { questionSeconds, answerTokens, answerSeconds, sources = [] } = await answer.finish;
    const { tokens } = await session.stats();
    const rate = speed({ tokens: Math.max(0, answerTokens - 1), seconds: answerSeconds });
    cost.textContent = `First word after ${seconds(questionSeconds)}${rate === '–' ? '' : `, then ${rate}`}. Read from:`;
    from.append(...places(sources, tokens));
  } catch (error) {
    cost.textContent = isAbort(error) ? 'Stopped.' : 'No answer.';
    if (!isAbort(error)) showProblem(error);
  } finally {
    if (from.childElementCount === 0) from.remove();
    out.dataset.done = 'true';
    if (session === desk.session) {
      setText('ready');
      changed();
      byId('question').focus({ preventScroll: true });
    }
  }
};

export const startTalk = () => {
  byId('form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const question = byId('question').value.trim();
    if (question === '' || document.body.dataset.text !== 'ready') return;
    byId('question').value = '';
    void talk(question);
  });
  byId('stop-answer').addEventListener('click', () => desk.running?.abort());
};
