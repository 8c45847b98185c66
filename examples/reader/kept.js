// @ts-check
// What is kept on this device, whether it will stay, and how to be rid of it.
import { deleteModel, models } from '../../dist/index.js';
import { desk } from './desk.js';
import { byId } from './dom.js';
import { fillList, listButton, listEntry } from './kept-list.js';
import { showTexts, startTexts } from './kept-sessions.js';
import { isKeeping } from './lasting.js';
import { bytes } from './numbers.js';
import { showProblem } from './problems.js';

const showPersisted = async () => {
  const { storage } = navigator;
  const kept = (await storage?.persisted?.()) ?? false;
  const { usage = 0, quota = 0 } = (await storage?.estimate?.()) ?? {};
  const room = quota > 0 ? ` ${bytes(usage)} of up to ${bytes(quota)} are used.` : '';
  const keeping = isKeeping(desk.model.info);
  const promise = kept
    ? 'The browser has promised not to clear it by itself.'
    : 'The browser may clear it when space is short.';
  byId('persisted').textContent = keeping ? promise + room : 'Nothing: this browser does not allow it here.';
  byId('persist').hidden = kept || !keeping || !storage?.persist;
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
