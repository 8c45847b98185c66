// @ts-check
import { desk, startRunning } from './desk.js';
import { byId, holdInPlace, make } from './dom.js';
import { percent, seconds, speed } from './numbers.js';
import { showPanel, watchPanel } from './panel.js';
import { clearProblem, isAbort } from './problems.js';
import { setState } from './state.js';
import { showSources } from './strip.js';

/** Longest answer, in tokens. */
const ANSWER = 320;

/** Asks, streams the answer, and shows where it came from. */
export const ask = async (/** @type {string} */ question) => {
  const { session, text, part } = desk;
  if (!session) return;
  setState('answering');
  clearProblem();
  const signal = startRunning();
  const out = make('p', { className: 'answer' });
  const cost = make('p', { className: 'cost' });
  const article = make('article', {}, make('p', { className: 'question', textContent: question }), out, cost);
  byId('transcript').append(article);
  byId('compare-question').value = question;
  const answer = session.ask(question, { maxTokens: ANSWER, signal, sources: true });
  const unwatch = watchPanel();
  try {
    for await (const piece of answer) out.textContent += piece;
    const end = await answer.finish;
    unwatch();
    const stats = await showPanel();
    const density = stats?.density.lastStep ?? 1;
    const rate = speed({ tokens: Math.max(0, end.answerTokens - 1), seconds: end.answerSeconds });
    cost.textContent = `First word after ${seconds(end.questionSeconds)}${rate === '–' ? '' : `, then ${rate}`}; ${percent(density)} of ${part < 1 ? `what is read so far, the first ${percent(part)} of the text,` : 'the text'} was looked at. `;
    const { sources = [] } = end;
    const where = make('button', { type: 'button', className: 'quiet', textContent: 'Where from?' });
    where.ariaLabel = `Show where the answer to “${question}” came from`;
    where.addEventListener('click', () => {
      if (text?.id !== desk.text?.id) return;
      void showSources(sources);
      byId('book').scrollIntoView({ block: 'nearest' });
    });
    cost.append(where);
    await holdInPlace(article, () => showSources(sources));
    Object.assign(out.dataset, {
      done: 'true',
      questionTokens: end.questionTokens,
      answerTokens: end.answerTokens,
      questionSeconds: end.questionSeconds.toFixed(3),
      answerSeconds: end.answerSeconds.toFixed(3),
      density: density.toFixed(3),
      bytes: stats?.bytes.total,
    });
  } catch (error) {
    if (!isAbort(error)) {
      cost.textContent = 'No answer.';
      setState('ready');
      throw error;
    }
    cost.textContent = 'Stopped.';
    out.dataset.done = 'true';
  } finally {
    unwatch();
  }
  setState('ready');
};

export const startTalk = (/** @type {(work: () => Promise<void>) => void} */ guarded) => {
  byId('form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const question = byId('question').value.trim();
    if (question === '' || document.body.dataset.state !== 'ready') return;
    byId('question').value = '';
    guarded(() => ask(question));
  });
};
