// @ts-check
// The texts that were read: open, rename, copy, save as a file, delete, take in from a file.
import { desk } from './desk.js';
import { bringIntoSight, byId, make } from './dom.js';
import { fillList, listButton, listEntry } from './kept-list.js';
import { keepText, keptText } from './kept-text.js';
import { bytes, count } from './numbers.js';
import { showProblem } from './problems.js';
import { forgetText, resumeText } from './shelf.js';
import { isState } from './state.js';

/** @typedef {import('../../dist/index.js').StoredSession} Stored */

const MINE = 'reader/';

/** Its title, or the name in its id: `reader/name mark`. */
const nameOf = (/** @type {Stored} */ { id, title }) =>
  title === id ? id.slice(MINE.length).replace(/ \S+$/, '') : title;

const notice = (/** @type {string} */ text) => {
  byId('kept-notice').textContent = text;
};

/** A field in place of the name. @param {HTMLLIElement} entry @param {Stored} session */
const rename = async (entry, session) => {
  const field = document.createElement('input');
  field.value = nameOf(session);
  field.ariaLabel = `New name for ${nameOf(session)}`;
  const form = document.createElement('form');
  form.className = 'row';
  form.append(field, make('button', { textContent: 'Rename' }));
  entry.replaceChildren(form);
  field.select();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const title = field.value.trim() || nameOf(session);
    desk.model.renameSession(session.id, title).then(showTexts).catch(showProblem);
  });
};

const copy = async (/** @type {Stored} */ session) => {
  const id = `${session.id}-${Date.now().toString(36)}`;
  await desk.model.cloneSession(session.id, { id, title: `${nameOf(session)} (copy)` });
  const text = await keptText(session.id);
  if (text) await keepText({ ...text, id }, false);
  await showTexts();
  notice('Copied. Both rest on the same pages: the copy takes no room.');
};

const save = async (/** @type {Stored} */ session) => {
  notice('Writing the file…');
  const { file, tokens, restorableTokens } = await desk.model.exportSession(session.id);
  const link = make('a', { href: URL.createObjectURL(file), download: `${nameOf(session)}.longhand` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  const lost = tokens - restorableTokens;
  notice(
    `Saved ${count(tokens)} tokens with their pages, ${bytes(file.size)}.${lost > 0 ? ` ${count(lost)} must be read again.` : ''}`,
  );
};

const takeIn = async (/** @type {File} */ file) => {
  notice(`Reading ${file.name}…`);
  const id = `${MINE}${file.name.replace(/\.longhand$/, '').slice(0, 100)} ${Date.now().toString(36)}`;
  const { tokens, restorableTokens, reason } = await desk.model.importSession(file, { id });
  await showTexts();
  notice(
    `Took in ${count(tokens)} tokens; ${tokens === restorableTokens ? 'none must be read again' : `${count(tokens - restorableTokens)} must be read again: ${reason}`}.`,
  );
};

/** @param {Stored} session @returns {Promise<HTMLLIElement>} */
const entryOf = async (session) => {
  const { id, tokens, restores, problem } = session;
  const text = await keptText(id);
  const name = nameOf(session);
  const open = id === desk.text?.id;
  const room = `${bytes(session.bytes.own)} of its own, ${bytes(session.bytes.shared)} shared`;
  const note = [
    `${count(tokens)} tokens, ${room}`,
    ...(text?.needle ? [`with “${text.needle.statement}”`] : []),
    ...(restores === 'pages' ? [] : [problem ?? 'must be read again']),
    ...(open ? ['open now'] : []),
  ].join('; ');
  const card = text ?? { id, name, bundled: false, share: 1 };
  const resume = async () => {
    if (!isState('empty', 'ready')) return;
    bringIntoSight('status');
    await resumeText({ ...card, name });
  };
  /** @type {HTMLLIElement} */
  const entry = listEntry(
    name,
    note,
    ...(open || restores === 'nothing' ? [] : [listButton('Open', name, resume)]),
    ...(open ? [] : [listButton('Rename', name, () => rename(entry, session))]),
    ...(restores === 'nothing' ? [] : [listButton('Copy', name, () => copy(session))]),
    ...(restores === 'nothing' ? [] : [listButton('Save', name, () => save(session))]),
    ...(open ? [] : [listButton('Delete', name, () => forgetText(id).then(showTexts))]),
  );
  return entry;
};

export const showTexts = async () => {
  const kept = (await desk.model.sessions()).filter(({ id }) => id.startsWith(MINE));
  fillList('kept-texts', await Promise.all(kept.map(entryOf)));
};

export const startTexts = () => {
  byId('take-in').addEventListener('change', () => {
    const file = byId('take-in').files?.[0];
    byId('take-in').value = '';
    if (!file) return;
    takeIn(file).catch((error) => {
      notice('');
      showProblem(error);
    });
  });
};
