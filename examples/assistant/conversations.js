// @ts-check
// All conversations that are kept, and the texts beside them.
import { desk } from '../reader/desk.js';
import { byId, make } from '../reader/dom.js';
import { fillList, listButton, listEntry } from '../reader/kept-list.js';
import { count } from '../reader/numbers.js';
import { changed } from './among-tabs.js';
import { letGo, openId, readHere } from './talk.js';
import { allTexts, dropText, textAt } from './texts.js';
import { noteUnfinished } from './unfinished.js';

/** Asks before what cannot be undone. @param {string} question @param {() => Promise<unknown>} work */
export const asked = async (question, work) => {
  const dialog = byId('sure');
  byId('sure-question').textContent = question;
  dialog.returnValue = '';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  if (dialog.returnValue === 'yes') await work();
};

const remove = async (/** @type {string} */ id) => {
  if (openId() === id) {
    history.replaceState(undefined, '', location.pathname);
    await letGo();
  }
  await desk.model.deleteSession(id);
  noteUnfinished(id, undefined);
  changed();
};

const whenOf = (/** @type {number} */ time) =>
  new Date(time).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });

/** @param {import('../../dist/index.js').StoredSession} session */
const entryOf = ({ id, title, tokens, used, restores, problem }) => {
  const entry = make('li', {});
  const note = restores === 'nothing' ? (problem ?? '') : `${count(tokens)} tokens, ${whenOf(used)}`;
  const words = [title, make('small', { textContent: note })];
  const link =
    restores === 'nothing'
      ? make('span', {}, ...words)
      : make('a', { href: `#${id}`, ariaCurrent: id === openId() ? 'true' : null, dir: 'auto' }, ...words);
  entry.append(
    link,
    listButton('Delete', title, async () => asked(`Delete “${title}”?`, () => remove(id))),
  );
  return entry;
};

export const showConversations = async () => {
  const sessions = (await desk.model.sessions()).sort((a, b) => b.used - a.used);
  byId('conversations').replaceChildren(...sessions.map(entryOf));
  byId('none').hidden = sessions.length > 0;
};

/** @param {import('./texts.js').Text} text */
const textEntry = ({ id, name, words }) =>
  listEntry(
    name,
    `${count(words.length)} characters`,
    listButton('Read into this conversation', name, async () =>
      readHere(name, (await textAt(id))?.words ?? ''),
    ),
    listButton('Delete', name, async () => {
      await dropText(id);
      changed();
    }),
  );

export const showTexts = async () => {
  fillList('texts', (await allTexts()).map(textEntry));
};
