// @ts-check
// How long what is read will last. The engine goes on where nothing can be kept, and the page says so.
import { byId } from './dom.js';

/** @param {import('../../dist/index.js').ModelInfo} info @param {import('../../dist/index.js').ContextStats} [stats] */
const limitOf = (info, stats) => {
  if (stats?.storage === 'full')
    return 'There is no room left on this device: what is read from here on lasts only as long as this tab. Delete a text or a model under “Kept on this device” to keep more.';
  if (info.store === 'none' || stats?.storage === 'unavailable')
    return 'This browser lets nothing be kept here: a private window, perhaps, or storage that is blocked for this site. All works, but what is read lasts only as long as this tab.';
  return '';
};

/** Whether this browser keeps anything for this page. @param {import('../../dist/index.js').ModelInfo} info */
export const isKeeping = ({ store }) => store !== 'none';

/** @param {import('../../dist/index.js').ModelInfo} info @param {import('../../dist/index.js').ContextStats} [stats] */
export const showLasting = (info, stats) => {
  const limit = limitOf(info, stats);
  document.body.toggleAttribute('data-fleeting', !isKeeping(info));
  const line = byId('lasting');
  // Said once, not with every look at the figures.
  if (line.textContent !== limit) line.textContent = limit;
};
