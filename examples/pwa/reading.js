// @ts-check
// Texts are read one after the other, in the order they came. What is read stays, whatever ends the visit.
import { desk } from '../reader/desk.js';
import { showLasting } from '../reader/lasting.js';
import { isAbort, showProblem } from '../reader/problems.js';
import { paceOf } from '../reader/state.js';
import { markOf } from '../reader/text.js';
import { most, toWindow } from '../reader/window.js';
import { allCards, keepCard, keepWords, wordsOf } from './cards.js';
import { openText, readOnce } from './core.js';
import { extract } from './parsers/extract.js';
import { inWords, Unreadable } from './parsers/unreadable.js';
import { announce, showProgress } from './progress.js';
import { changed, sessionOf } from './shelf.js';

/** More characters hardly ever make one token. */
const CHARACTERS = 16;

/**
 * What waits or is being read. `share`: how far it is, from 0 to 1.
 * @typedef {{ id: string, name: string, kind: string, file?: File, share: number, stop: AbortController, note: string }} Job
 */

/** @type {Job[]} */
export const jobs = [];
let working = false;

const nameOf = (/** @type {string} */ file) => file.replace(/\.[a-z0-9]{1,8}$/i, '').slice(0, 200) || file;

/** Takes a file apart and puts it on the shelf. @param {Job} job @param {File} file */
const takeApart = async (job, file) => {
  const { signal } = job.stop;
  const found = await extract(file, {
    most: most(desk.model) * CHARACTERS,
    signal,
    onProgress: (share) => showProgress(job, share, 'Taking it apart'),
  });
  const text = await toWindow(desk.model, found.text, signal);
  const share = (found.share * text.length) / found.text.length;
  const id = markOf(text);
  const there = (await allCards()).find((card) => card.id === id);
  const name = found.title.slice(0, 200) || nameOf(file.name);
  await keepWords(id, text);
  await keepCard(there ?? { id, name, kind: found.kind, share, added: Date.now(), wanted: true });
  Object.assign(job, { id, name: there?.name ?? name, kind: found.kind });
  changed();
};

/** @param {Job} job */
const read = async (job) => {
  const { signal } = job.stop;
  if (job.file) await takeApart(job, job.file);
  const words = await wordsOf(job.id);
  if (words === undefined) throw new Error(`The words of ${job.name} are not here any more. Add it again.`);
  const started = performance.now();
  /** @type {ReturnType<typeof paceOf> | undefined} */
  let pace;
  const session = await openText(desk.model, sessionOf(job.id), job.name);
  try {
    await readOnce(session, words, {
      signal,
      onProgress: (progress) => {
        if (progress.total === 0) return;
        pace ??= paceOf(started, progress.loaded);
        showProgress(job, progress.loaded / progress.total, pace(progress));
      },
    });
    const stats = await session.stats();
    const { tokens, reusedTokens } = stats;
    showLasting(desk.model.info, stats);
    announce(
      reusedTokens > 0
        ? `${job.name} is read: ${reusedTokens.toLocaleString('en')} of its ${tokens.toLocaleString('en')} tokens were known already.`
        : `${job.name} is read: ${tokens.toLocaleString('en')} tokens.`,
    );
  } finally {
    await session.close();
  }
  await settle(job.id);
};

/** It is read, or nobody wants it any more. @param {string} id */
const settle = async (id) => {
  const card = (await allCards()).find((one) => one.id === id);
  if (card?.wanted) await keepCard({ ...card, wanted: false });
};

const work = async () => {
  if (working) return;
  working = true;
  for (let job = jobs[0]; job; job = jobs[0]) {
    try {
      await read(job);
    } catch (error) {
      if (isAbort(error)) {
        await settle(job.id);
        announce(`${job.name}: stopped. What was read of it is kept.`);
      } else if (error instanceof Unreadable) showProblem(new Error(inWords(job.name, error.code)));
      else showProblem(error);
    }
    jobs.shift();
    changed();
  }
  working = false;
};

const add = (/** @type {Job} */ job) => {
  jobs.push(job);
  changed();
  void work();
};

export const readFile = (/** @type {File} */ file) =>
  add({
    id: `file-${crypto.randomUUID()}`,
    name: file.name,
    kind: '',
    file,
    share: 0,
    stop: new AbortController(),
    note: 'Waiting',
  });

/** Reads what stands on the shelf unread. @param {import('./cards.js').Card} card */
export const readCard = async (card) => {
  if (jobs.some(({ id }) => id === card.id)) return;
  await keepCard({ ...card, wanted: true });
  add({
    id: card.id,
    name: card.name,
    kind: card.kind,
    share: 0,
    stop: new AbortController(),
    note: 'Waiting',
  });
};

/** Goes on with whatever the last visit left unread. */
export const goOn = async () => {
  for (const card of await allCards()) if (card.wanted) await readCard(card);
};

/** @param {string} id */
export const jobOf = (id) => jobs.find((job) => job.id === id);
export const stopAll = () => {
  for (const { stop } of jobs) stop.abort();
};
