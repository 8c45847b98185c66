// @ts-check
// Which model reads: the bundled one, a GGUF file of the visitor's, or one at an address. All three are kept for a visit
// without a network.
import { desk } from '../reader/desk.js';
import { byId } from '../reader/dom.js';
import { showLasting } from '../reader/lasting.js';
import { startModelForm } from '../reader/model-form.js';
import { note, recall } from '../reader/notes.js';
import { bytes, count } from '../reader/numbers.js';
import { clearProblem } from '../reader/problems.js';
import { openModel } from './core.js';
import { keepModelFile, keptModelFile } from './model-files.js';
import { announce } from './progress.js';
import { stopAll } from './reading.js';
import { changed } from './shelf.js';
import { letGo } from './volume.js';

const BUNDLED = new URL('../models/book-reader-5m-Q8_0.gguf', document.baseURI).href;
const LAST = 'longhand-shelf-model';
const IN_FILE = 'file:';

/** The model of the last visit, where it is still to be had. @returns {Promise<string | File>} */
export const firstModel = async () => {
  const last = recall(LAST);
  if (last?.startsWith(IN_FILE)) return (await keptModelFile(last.slice(IN_FILE.length))) ?? BUNDLED;
  return last ?? BUNDLED;
};

const describe = () => {
  const { info } = desk.model;
  byId('model-name').textContent = info.name || 'A model without a name';
  const yardstick =
    desk.source === BUNDLED
      ? ' A yardstick, not an assistant: it answers questions about single facts that stand in the text.'
      : '';
  byId('model-note').textContent =
    `${(info.parameters / 1e6).toFixed(info.parameters < 1e8 ? 1 : 0)} million parameters, ${bytes(info.weightBytes)} in memory; reads up to ${count(info.maxTokens)} tokens.${yardstick}`;
};

/** @param {string | File} source */
export const useModel = async (source) => {
  document.body.dataset.state = 'loading';
  clearProblem();
  const bar = byId('bar');
  bar.hidden = false;
  bar.value = 0;
  desk.model = await openModel(source, {
    onProgress: ({ loaded, total }) => {
      bar.value = total > 0 ? loaded / total : 0;
    },
  }).finally(() => {
    bar.hidden = true;
  });
  desk.source = source;
  describe();
  showLasting(desk.model.info);
  document.body.dataset.state = 'ready';
  changed();
};

/** Another model; where that cannot be had, the one before is opened again, and the reason is said. @param {string | File} wanted */
export const changeModel = async (wanted) => {
  const before = /** @type {string | File} */ (desk.source);
  stopAll();
  await letGo();
  await desk.model?.close();
  try {
    let source = wanted;
    let last = wanted === BUNDLED ? undefined : String(wanted);
    if (wanted instanceof File) {
      announce(`Keeping ${wanted.name} on this device…`);
      const { file, kept } = await keepModelFile(wanted);
      source = file;
      last = kept ? IN_FILE + file.name : undefined;
    }
    await useModel(source);
    note(LAST, last);
    announce(`${byId('model-name').textContent} reads now.`);
  } catch (error) {
    if (before) await useModel(before);
    throw error;
  }
  byId('choose').open = false;
};

export const startModelChoice = (/** @type {(work: () => Promise<void>) => void} */ guarded) =>
  startModelForm(guarded, changeModel, BUNDLED);
