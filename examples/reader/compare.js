// @ts-check
// The same question in three ways. Attention belongs to a model when it is loaded, so the other two ways are engines of
// their own over the same weights, one after the other.
import { load } from '../../dist/index.js';
import { budgetOptions } from './budgets.js';
import { desk, startRunning } from './desk.js';
import { byId, make, rows } from './dom.js';
import { drawStrip } from './draw-strip.js';
import { bytes, count, percent, seconds, speed } from './numbers.js';
import { clearProblem, isAbort } from './problems.js';
import { paceOf, setState } from './state.js';

/** Tokens that a row may read where it chooses; as many for the window. */
const BUDGET = 2048;
const ANSWER = 64;
const BINS = 90;

/** @typedef {import('../../dist/index.js').Session} Session @typedef {import('../../dist/index.js').Model} Model */

/** @type {{ name: string, note: string, attention?: import('../../dist/index.js').AttentionOptions }[]} */
const ways = [
  { name: 'Chosen by content (DHSA)', note: `about ${count(BUDGET)} tokens a row, wherever they stand` },
  {
    name: 'Sliding window',
    note: `the last ${count(BUDGET)} tokens and the first few`,
    attention: { method: 'sliding', window: BUDGET },
  },
  { name: 'Everything (dense)', note: 'all tokens before it', attention: { method: 'dense' } },
];

/** A column, and how it is filled in. @param {{ name: string, note: string }} way */
const column = ({ name, note }) => {
  const says = make('p', { className: 'cost', textContent: 'Waits for its turn.' });
  const answer = make('p', { className: 'answer' });
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `What ${name} read for the answer`);
  const strip = make('div', { className: 'small-strip' });
  strip.append(svg);
  const costs = make('dl');
  const element = make(
    'article',
    { className: 'way' },
    make('h3', { textContent: name }),
    make('p', { className: 'hint', textContent: note }),
    answer,
    strip,
    says,
    costs,
  );
  return { element, says, answer, svg, costs };
};

/** @param {ReturnType<typeof column>} at @param {Session} session @param {string} question @param {AbortSignal} signal @param {string} reading */
const askIn = async (at, session, question, signal, reading) => {
  at.says.textContent = 'Answers…';
  // Timed as it is, then once more to see where it looked: looking costs time.
  const answer = session.ask(question, { maxTokens: ANSWER, signal });
  for await (const piece of answer) at.answer.textContent += piece;
  const end = await answer.finish;
  const stats = await session.stats();
  const { sources = [] } = await session.ask(question, { maxTokens: ANSWER, signal, sources: true }).finish;
  drawStrip(at.svg, { tokens: stats.tokens, sources }, BINS);
  at.says.textContent = '';
  at.costs.replaceChildren(
    ...rows([
      ['Reading', reading],
      ['First word', seconds(end.questionSeconds)],
      ['Answering', speed({ tokens: Math.max(0, end.answerTokens - 1), seconds: end.answerSeconds })],
      ['Of the text read', percent(stats.density.lastStep)],
      ['Memory', bytes(stats.bytes.total)],
    ]),
  );
  Object.assign(at.element.dataset, {
    done: 'true',
    density: stats.density.lastStep.toFixed(3),
    bytes: stats.bytes.total,
  });
};

/** @param {ReturnType<typeof column>} at @param {string} words @param {AbortSignal} signal @param {Session} session */
const readIn = async (at, words, signal, session) => {
  const started = performance.now();
  /** @type {ReturnType<typeof paceOf> | undefined} */
  let pace;
  await session.append(words, {
    signal,
    onProgress: (progress) => {
      pace ??= paceOf(started, progress.loaded);
      at.says.textContent = `Reads the text once, into pages of its own: ${pace(progress)}`;
    },
  });
  const stats = await session.stats();
  return stats.prefill.tokens > 0 ? seconds(stats.prefill.seconds) : 'found again';
};

const compare = async (/** @type {string} */ question) => {
  const { session } = desk;
  if (!session) return;
  const { words } = desk;
  if (words === undefined) {
    throw new Error('This browser did not keep the words of the text: choose it again to compare.');
  }
  setState('comparing');
  clearProblem();
  byId('compare-end').textContent = '';
  const signal = startRunning();
  const columns = ways.map(column);
  byId('ways').replaceChildren(...columns.map(({ element }) => element));
  /** @type {Model | undefined} */
  let other;
  try {
    for (const [i, { attention }] of ways.entries()) {
      const at = /** @type {ReturnType<typeof column>} */ (columns[i]);
      if (!attention) {
        await askIn(at, session, question, signal, 'done before');
        continue;
      }
      at.says.textContent = 'Opens the model a second time…';
      other = await load(desk.source, { ...budgetOptions(), signal, attention });
      const own = await other.session({ signal });
      const reading = await readIn(at, words, signal, own);
      await askIn(at, own, question, signal, reading);
      await other.close();
      other = undefined;
    }
    byId('compare-end').textContent = 'Compared. The pages of all three are kept.';
  } catch (error) {
    if (!isAbort(error)) throw error;
    byId('compare-end').textContent = 'Stopped. What was read is kept.';
  } finally {
    await other?.close();
    setState('ready');
  }
};

export const startCompare = (/** @type {(work: () => Promise<void>) => void} */ guarded) => {
  byId('compare-form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const question = byId('compare-question').value.trim();
    if (question === '' || document.body.dataset.state !== 'ready') return;
    guarded(() => compare(question));
  });
};
