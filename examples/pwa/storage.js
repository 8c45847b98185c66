// @ts-check
// What is kept on this device, whether it will stay, and how to be rid of it.
import { deleteModel, models, wipe } from '../../dist/index.js';
import { desk } from '../reader/desk.js';
import { byId } from '../reader/dom.js';
import { fillList, listButton, listEntry } from '../reader/kept-list.js';
import { bytes, count } from '../reader/numbers.js';
import { showPromise, startPersist } from '../reader/persisting.js';
import { dropAllCards } from './cards.js';
import { DATABASE } from './core.js';
import { asked, evict, saveAsFile, takeOff } from './deeds.js';
import { forgetModelFiles } from './model-files.js';
import { jobOf, stopAll } from './reading.js';
import { volumes } from './shelf.js';
import { letGo } from './volume.js';

const showPersisted = async () => {
  const { usage, quota } = await showPromise();
  byId('room').hidden = quota === 0;
  byId('room-bar').max = quota || 1;
  byId('room-bar').value = usage;
  byId('room-words').textContent = `${bytes(usage)} of up to ${bytes(quota)} used`;
};

/** @param {import('./shelf.js').Volume} volume */
const entryOf = ({ id, name, tokens, restorable, bytes: room }) => {
  const busy = jobOf(id) !== undefined;
  const note =
    tokens === 0
      ? 'not read'
      : restorable === 0
        ? `${count(tokens)} tokens, to be read again`
        : `${count(tokens)} tokens, ${bytes(room)}`;
  const isRead = tokens > 0 && !busy;
  return listEntry(
    name,
    note,
    ...(isRead ? [listButton('Save', name, () => saveAsFile(id))] : []),
    ...(isRead && restorable > 0 ? [listButton('Evict', name, () => evict(id))] : []),
    listButton('Delete', name, async () => asked(`Take “${name}” off the shelf?`, () => takeOff(id))),
  );
};

const nameOf = (/** @type {string} */ url) => decodeURIComponent(url.split('/').at(-1) ?? url);

export const showStorage = async () => {
  await showPersisted();
  fillList('kept-texts', (await volumes()).map(entryOf));
  fillList(
    'kept-models',
    (await models()).map(({ url, bytes: size, complete }) =>
      listEntry(
        nameOf(url),
        complete ? bytes(size) : `${bytes(size)}, half`,
        listButton('Delete', `the model ${nameOf(url)}`, () => deleteModel(url).then(showStorage)),
      ),
    ),
  );
};

/** Everything that this page ever kept, but for the page itself. */
const forgetAll = async () => {
  stopAll();
  await letGo();
  for (const { id } of await desk.model.sessions()) await desk.model.deleteSession(id);
  await desk.model.close();
  await forgetModelFiles();
  await dropAllCards();
  localStorage.clear();
  // The pages too, of whatever model, and model files.
  await wipe({ database: DATABASE });
  location.href = location.pathname;
};

export const startStorage = () => {
  startPersist(showPersisted);
  byId('forget').addEventListener('click', () =>
    asked('Forget every text, everything that was read, and every model?', forgetAll),
  );
};
