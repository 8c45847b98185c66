// @ts-check
// Where a model is chosen: the bundled one, a file, an address, or one of those that are suggested.
import { byId, make } from './dom.js';
import { publicModels } from './public-models.js';

/**
 * @param {(work: () => Promise<void>) => void} guarded
 * @param {(source: string | File) => Promise<void>} change
 * @param {string} bundled
 */
export const startModelForm = (guarded, change, bundled) => {
  byId('own-model').addEventListener('click', () => guarded(() => change(bundled)));
  byId('model-file').addEventListener('change', () => {
    const file = byId('model-file').files?.[0];
    byId('model-file').value = '';
    if (file) guarded(() => change(file));
  });
  byId('model-form').addEventListener('submit', (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const address = byId('model-url').value.trim();
    if (address !== '') guarded(() => change(new URL(address, location.href).href));
  });
  byId('public-models').replaceChildren(
    ...publicModels.map(({ name, note, url }) => {
      const use = make('button', { type: 'button', className: 'quiet', textContent: 'Use this address' });
      use.ariaLabel = `Use the address of ${name}`;
      use.addEventListener('click', () => {
        byId('model-url').value = url;
        byId('load-model').focus();
      });
      return make('li', {}, make('span', {}, name, make('small', { textContent: note })), use);
    }),
  );
};
