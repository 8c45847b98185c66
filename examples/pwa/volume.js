// @ts-check
// The text that lies open: its session, what is known of it, and what can be done with it.
import { desk } from '../reader/desk.js';
import { byId, rows } from '../reader/dom.js';
import { bytes, count, percent, seconds } from '../reader/numbers.js';
import { clearProblem, showProblem } from '../reader/problems.js';
import { openText } from './core.js';
import { kindInWords } from './covers.js';
import { announce } from './progress.js';
import { jobOf, jobs, readCard } from './reading.js';
import { changed, volumeAt } from './shelf.js';

/** The text of the page that is shown; `undefined` on the shelf. @type {string | undefined} */
let shown;
/** What opens and closes waits for what did so before. @type {Promise<unknown>} */
let turn = Promise.resolve();

export const shownText = () => shown;

/** What may be done with it now: `opening`, `unread`, `reading`, `ready`, `answering`. @param {string} state */
export const setText = (state) => {
  document.body.dataset.text = state;
  const may = state === 'ready';
  byId('question').disabled = !(may || state === 'answering');
  byId('ask').disabled = !may;
  byId('ask').hidden = state === 'answering';
  byId('stop-answer').hidden = state !== 'answering';
  byId('transcript').ariaBusy = String(state === 'answering');
  byId('talk').hidden = state === 'unread' || state === 'reading';
  byId('read-now').hidden = state !== 'unread';
  byId('stop-reading').hidden = byId('reading-bar').hidden = state !== 'reading';
  for (const button of byId('deeds').querySelectorAll('button')) {
    button.disabled = state === 'opening' || state === 'answering' || state === 'reading';
  }
};

const closeOpen = async () => {
  const { session } = desk;
  desk.running?.abort();
  desk.session = undefined;
  await session?.close();
};

/** @param {import('./shelf.js').Volume} volume */
const showFacts = ({ kind, tokens, restorable, bytes: room, share, added }) => {
  const part =
    share < 0.995
      ? `, the first ${percent(Math.max(0.001, share))} of it: what the model’s window holds`
      : '';
  byId('text-kind').textContent = kindInWords(kind);
  byId('facts').replaceChildren(
    ...rows([
      ['Length', tokens > 0 ? `${count(tokens)} tokens${part}` : 'not read yet'],
      ['To be read again', tokens > 0 ? `${count(tokens - restorable)} tokens` : '–'],
      ['On this device', bytes(room)],
      ['Added', new Date(added).toLocaleDateString('en', { dateStyle: 'medium' })],
    ]),
  );
  const isRead = tokens > 0;
  byId('export').hidden = byId('evict').hidden = !isRead;
};

/** @param {import('./shelf.js').Volume} volume */
const attach = async (volume) => {
  setText('opening');
  const started = performance.now();
  byId('text-status').textContent = 'Opening…';
  desk.session = await openText(desk.model, volume.session, volume.name);
  const { resumedTokens } = desk.session;
  const { reusedTokens } = await desk.session.stats();
  const again = resumedTokens - reusedTokens;
  byId('text-status').textContent =
    `${count(resumedTokens)} tokens opened in ${seconds((performance.now() - started) / 1000)}; ${again === 0 ? 'none was read again' : `${count(again)} will be read again with the first question`}.`;
  Object.assign(byId('text-status').dataset, { resumed: resumedTokens, reused: reusedTokens });
  setText('ready');
};

const lay = async (/** @type {string} */ id) => {
  if (shown !== id) return;
  const volume = await volumeAt(id);
  const job = jobOf(id);
  if (!volume) {
    // On its way to the shelf, or gone from it.
    if (!job) location.hash = '';
    return;
  }
  byId('text-name').textContent = volume.name;
  document.title = `${volume.name} – Longhand shelf`;
  showFacts(volume);
  if (job) {
    byId('text-status').textContent = job.note;
    byId('reading-bar').value = job.share;
    setText('reading');
  } else if (volume.tokens === 0) {
    byId('text-status').textContent = 'Not read yet with this model.';
    setText('unread');
  } else if (!desk.session) await attach(volume);
};

/** Shows a text, or with nothing the shelf. @param {string | undefined} id */
export const show = (id) => {
  const other = shown !== id;
  shown = id;
  document.body.dataset.view = id === undefined ? 'shelf' : 'text';
  byId('shelf-view').hidden = byId('shelf-aside').hidden = id !== undefined;
  byId('text-view').hidden = byId('text-aside').hidden = id === undefined;
  if (other) {
    clearProblem();
    if (jobs.length === 0) announce('');
    byId('transcript').replaceChildren();
    byId('passage').hidden = true;
    if (id === undefined) document.title = 'Longhand shelf';
    // Not what the text before it was: nobody asks a text that is not open yet.
    else setText('opening');
  }
  turn = turn.then(async () => {
    if (other) await closeOpen();
    if (id !== undefined) await lay(id);
  });
  turn = turn.catch((error) => {
    setText('unread');
    byId('text-status').textContent = 'It could not be opened.';
    showProblem(error);
  });
  return turn;
};

/** What is open is closed, for those who change or delete it. */
export const letGo = () => {
  turn = turn.then(closeOpen).catch(showProblem);
  return turn;
};

export const startVolume = () => {
  document.addEventListener('shelf-changed', () => void (shown !== undefined && show(shown)));
  document.addEventListener('job-progress', (event) => {
    const job = /** @type {CustomEvent<import('./reading.js').Job>} */ (event).detail;
    if (job.id !== shown) return;
    byId('text-status').textContent = job.note;
    byId('reading-bar').value = job.share;
  });
  byId('read-now').addEventListener('click', async () => {
    const volume = shown && (await volumeAt(shown));
    if (!volume) return;
    const { id, name, kind, share, added } = volume;
    await readCard({ id, name, kind, share, added, wanted: true });
    changed();
  });
  byId('stop-reading').addEventListener('click', () => shown !== undefined && jobOf(shown)?.stop.abort());
};
