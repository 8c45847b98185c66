// @ts-check
// What is kept of pages that were read, and how to forget it.
import { byId, make } from '../reader/dom.js';
import { bytes, tokens } from '../reader/numbers.js';
import { desk, isState, say, setState } from './desk.js';

/** @typedef {(work: () => Promise<void>) => Promise<void>} Guarded */

/** @type {Guarded} */
let guard = (work) => work();

const isIdle = () => isState('blank', 'page', 'ready');

/** @param {string[]} ids */
const forget = async (ids) => {
  for (const id of ids) await desk.engine('forget', { id });
  if (!desk.id || !ids.includes(desk.id)) return;
  byId('transcript').replaceChildren();
  setState('page');
  say('Forgotten. Read it again to ask.');
};

/** @param {Guarded} guarded */
export const startKept = (guarded) => {
  guard = guarded;
  byId('forget-all').addEventListener('click', () => {
    const ids = [...byId('kept-pages').children].map((item) => item.dataset.id);
    if (isIdle()) void guard(() => forget(ids));
  });
};

export const showKept = async () => {
  if (!isIdle()) return;
  const { pages } = await desk.engine('kept');
  byId('kept-none').hidden = pages.length > 0;
  byId('forget-all').hidden = pages.length < 2;
  byId('kept-pages').replaceChildren(
    ...pages.map((/** @type {{ id: string, title: string, tokens: number, bytes: number }} */ page) => {
      const drop = make('button', { type: 'button', className: 'quiet', textContent: 'Forget' });
      drop.ariaLabel = `Forget: ${page.title}`;
      drop.addEventListener('click', () => isIdle() && guard(() => forget([page.id])));
      const size = make('small', { textContent: `${tokens(page.tokens)}, ${bytes(page.bytes)}` });
      const item = make('li', {}, make('span', {}, page.title, size), drop);
      item.dataset.id = page.id;
      return item;
    }),
  );
};
