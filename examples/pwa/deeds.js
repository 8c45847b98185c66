// @ts-check
// What can be done with a text: out into a file, in from one, out of the store, off the shelf.
import { desk } from '../reader/desk.js';
import { byId, make } from '../reader/dom.js';
import { bytes, count } from '../reader/numbers.js';
import { showProblem } from '../reader/problems.js';
import { dropCard, keepCard, keepWords } from './cards.js';
import { toFile } from './core.js';
import { announce } from './progress.js';
import { jobOf } from './reading.js';
import { changed, sessionOf, sessionsOf, volumeAt } from './shelf.js';
import { letGo, show, shownText } from './volume.js';

const ENDING = '.longhand';

const nameInFile = (/** @type {string} */ name) => name.replace(/[^\p{L}\p{N} ,.()-]+/gu, '_').slice(0, 100);

/** A text with all that was read of it, as a file. @param {string} id */
export const saveAsFile = async (id) => {
  const volume = await volumeAt(id);
  if (!volume) return;
  announce(`Writing ${volume.name} into a file…`);
  const { file, tokens, restorableTokens } = await toFile(desk.model, volume.session);
  const link = make('a', { href: URL.createObjectURL(file), download: nameInFile(volume.name) + ENDING });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const lost = tokens - restorableTokens;
  announce(
    `Saved ${count(tokens)} tokens, ${bytes(file.size)}. ${lost > 0 ? `${count(lost)} must be read again where it is opened.` : 'Another device opens it without reading it again.'}`,
  );
};

/** Puts a text on the shelf that another device has read. @param {File} file */
export const takeIn = async (file) => {
  announce(`Taking in ${file.name}…`);
  const id = `in-${crypto.randomUUID()}`;
  const name = file.name.replace(ENDING, '').slice(0, 200);
  const session = sessionOf(id);
  const { tokens, restorableTokens, reason } = await desk.model.importSession(file, { id: session });
  const kept = (await desk.model.sessions()).find((one) => one.id === session);
  const open = await desk.model.session({ id: session, readOnly: true });
  await keepWords(id, await open.passage({ start: 0, end: tokens }));
  await open.close();
  await keepCard({
    id,
    name: kept?.title ?? name,
    kind: 'longhand',
    share: 1,
    added: Date.now(),
    wanted: false,
  });
  changed();
  announce(
    `Took in ${count(tokens)} tokens. ${tokens === restorableTokens ? 'None must be read again.' : `${count(tokens - restorableTokens)} must be read again: ${reason}`}`,
  );
};

/** Frees what reading it took; it stays on the shelf, and is read again when it is opened. @param {string} id */
export const evict = async (id) => {
  const volume = await volumeAt(id);
  if (!volume) return;
  if (shownText() === id) await letGo();
  const freed = await desk.model.evictSession(volume.session);
  if (shownText() === id) location.hash = '';
  changed();
  announce(`${volume.name}: ${bytes(freed)} are free again. It is read again when you open it.`);
};

/** @param {string} id */
export const takeOff = async (id) => {
  jobOf(id)?.stop.abort();
  if (shownText() === id) await letGo();
  for (const session of await sessionsOf(id)) {
    await desk.model.evictSession(session);
    await desk.model.deleteSession(session);
  }
  await dropCard(id);
  if (shownText() === id) {
    location.hash = '';
    await show(undefined);
  }
  changed();
};

/** Asks first: it cannot be undone. @param {string} question @param {() => Promise<unknown>} work */
export const asked = (question, work) => {
  const dialog = byId('sure');
  byId('sure-question').textContent = question;
  dialog.returnValue = '';
  dialog.showModal();
  dialog.addEventListener('close', () => dialog.returnValue === 'yes' && void work().catch(showProblem), {
    once: true,
  });
};

export const startDeeds = () => {
  const of = (/** @type {string} */ button, /** @type {(id: string) => Promise<unknown>} */ work) =>
    byId(button).addEventListener('click', () => {
      const id = shownText();
      if (id !== undefined) void work(id).catch(showProblem);
    });
  of('export', saveAsFile);
  of('evict', evict);
  of('take-off', async (id) =>
    asked(`Take “${byId('text-name').textContent}” off the shelf?`, () => takeOff(id)),
  );
};
