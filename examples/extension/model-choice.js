// @ts-check
import { byId } from '../reader/dom.js';
import { bytes, count } from '../reader/numbers.js';
import { desk, say, setState } from './desk.js';
import { dropModel, keepModel } from './model-file.js';

/** Opens the model that is chosen; rejects as the engine does. */
export const openModel = async () => {
  setState('loading');
  const info = await desk.engine('model', {}, ({ loaded }) => {
    byId('bar').value = loaded;
    say(`Loading the model: ${Math.round(100 * loaded)} %`, true);
  });
  byId('model-name').textContent = info.name || 'A model without a name';
  byId('model-note').textContent =
    `${(info.parameters / 1e6).toFixed(info.parameters < 1e8 ? 1 : 0)} million parameters, ${bytes(info.weightBytes)} in memory, texts of up to ${count(info.maxTokens)} tokens, ${info.threads} thread${info.threads === 1 ? '' : 's'}.`;
  Object.assign(byId('model-name').dataset, { threads: info.threads, store: info.store });
};

/**
 * @param {(work: () => Promise<void>) => Promise<void>} guarded @param {() => Promise<void>} look at the page, with the new one
 */
export const startModelChoice = (guarded, look) => {
  const change = async () => {
    await desk.engine('change-model');
    await openModel();
    await look();
  };
  byId('own-model').addEventListener('click', () =>
    guarded(async () => {
      await dropModel();
      await change();
    }),
  );
  byId('model-file').addEventListener('change', () => {
    const [file] = byId('model-file').files;
    byId('model-file').value = '';
    if (!file) return;
    void guarded(async () => {
      setState('loading');
      say('Copying the model…');
      await keepModel(file);
      try {
        await change();
      } catch (error) {
        // No model: back to the one that came with it, and why is said.
        await dropModel();
        await change();
        throw error;
      }
    });
  });
};
