// @ts-check
// What is kept on this device, whether it will stay, and how to be rid of it.
import { deleteModel, models } from '../../dist/index.js';
import { byId } from './dom.js';
import { fillList, listButton, listEntry } from './kept-list.js';
import { showTexts, startTexts } from './kept-sessions.js';
import { bytes } from './numbers.js';
import { showPromise, startPersist } from './persisting.js';

const showPersisted = async () => {
  const { usage, quota, keeping } = await showPromise();
  const room = quota > 0 ? ` ${bytes(usage)} of up to ${bytes(quota)} are used.` : '';
  if (keeping) byId('persisted').textContent += room;
};

const nameOf = (/** @type {string} */ url) => decodeURIComponent(url.split('/').at(-1) ?? url);

const showModels = async () =>
  fillList(
    'kept-models',
    (await models()).map(({ url, bytes: size, complete }) =>
      listEntry(
        nameOf(url),
        complete ? bytes(size) : `${bytes(size)}, half`,
        listButton('Delete', `the model ${nameOf(url)}`, () => deleteModel(url).then(showKept)),
      ),
    ),
  );

export const showKept = async () => {
  await showPersisted();
  await showModels();
  await showTexts();
};

export const startKept = () => {
  startTexts();
  startPersist(showPersisted);
};
