// @ts-check
// Whether what is kept here will stay, and the button that asks for it.
import { desk } from './desk.js';
import { byId } from './dom.js';
import { isKeeping } from './lasting.js';
import { showProblem } from './problems.js';

/** Says so in `#persisted`. Resolves to what the browser says of the room, and to whether anything is kept. */
export const showPromise = async () => {
  const { storage } = navigator;
  const kept = (await storage?.persisted?.()) ?? false;
  const { usage = 0, quota = 0 } = (await storage?.estimate?.()) ?? {};
  const keeping = isKeeping(desk.model.info);
  const promise = kept
    ? 'The browser has promised not to clear it by itself.'
    : 'The browser may clear it when space is short.';
  byId('persisted').textContent = keeping ? promise : 'Nothing: this browser does not allow it here.';
  byId('persisted').dataset.persisted = String(kept);
  byId('persist').hidden = kept || !keeping || !storage?.persist;
  return { usage, quota, keeping };
};

/** @param {() => Promise<void>} show what shows it anew */
export const startPersist = (show) =>
  byId('persist').addEventListener('click', () => {
    void navigator.storage
      .persist()
      .then(async (granted) => {
        await show();
        if (!granted) byId('persisted').textContent += ' It was asked, and said no for now.';
      })
      .catch(showProblem);
  });
