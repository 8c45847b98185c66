// @ts-check
// What is kept on this device, whether it will stay, and how to be rid of it.
import { deleteModel, models } from '../../dist/index.js';
import { desk } from './desk.js';
import { byId, make } from './dom.js';
import { keptText } from './kept-text.js';
import { bytes, count } from './numbers.js';
import { showProblem } from './problems.js';
import { forgetText, resumeText } from './shelf.js';

const showPersisted = async () => {
  const { storage } = navigator;
  const kept = (await storage?.persisted?.()) ?? false;
  const { usage = 0, quota = 0 } = (await storage?.estimate?.()) ?? {};
  const room = quota > 0 ? ` ${bytes(usage)} of up to ${bytes(quota)} are used.` : '';
  byId('persisted').textContent =
    (kept
      ? 'The browser has promised not to clear it by itself.'
      : 'The browser may clear it when space is short.') + room;
  byId('persist').hidden = kept || !storage?.persist;
};

/** @param {string} name @param {string} note @param {...HTMLElement} buttons */
const entry = (name, note, ...buttons) =>
  make(
    'li',
    {},
    make('span', {}, name, make('small', { textContent: note })),
    make('div', { className: 'row' }, ...buttons),
  );

/** @param {string} textContent @param {string} ariaLabel @param {() => Promise<void>} work */
const button = (textContent, ariaLabel, work) => {
  const made = make('button', { type: 'button', className: 'quiet', textContent, ariaLabel });
  made.addEventListener('click', () => void work().catch(showProblem).then(showKept));
  return made;
};

const nameOf = (/** @type {string} */ url) => decodeURIComponent(url.split('/').at(-1) ?? url);

const modelEntries = async () =>
  (await models()).map(({ url, bytes: size, complete }) =>
    entry(
      nameOf(url),
      complete ? bytes(size) : `${bytes(size)}, half`,
      button('Delete', `Delete the model ${nameOf(url)}`, () => deleteModel(url)),
    ),
  );

const textEntries = async () => {
  const kept = (await desk.model.sessions()).filter(({ id }) => id.startsWith('reader/'));
  return Promise.all(
    kept.map(async ({ id, tokens }) => {
      const text = await keptText(id);
      const name = text?.name ?? id.slice('reader/'.length).replace(/ \S+$/, '');
      const note = `${count(tokens)} tokens${text?.needle ? `, with “${text.needle.statement}”` : ''}`;
      if (id === desk.text?.id) return entry(name, `${note}, open now`);
      return entry(
        name,
        note,
        ...(text ? [button('Open', `Open ${name}`, () => resumeText(text))] : []),
        button('Delete', `Delete ${name}`, () => forgetText(id)),
      );
    }),
  );
};

/** @param {string} id @param {HTMLElement[]} entries */
const fill = (id, entries) => {
  byId(id).replaceChildren(...entries);
  byId(`${id}-title`).hidden = entries.length === 0;
};

export const showKept = async () => {
  await showPersisted();
  fill('kept-models', await modelEntries());
  fill('kept-texts', await textEntries());
};

export const startKept = () => {
  byId('persist').addEventListener('click', () => {
    void navigator.storage
      .persist()
      .then(async (granted) => {
        await showPersisted();
        if (!granted) byId('persisted').textContent += ' It was asked, and said no for now.';
      })
      .catch(showProblem);
  });
};
