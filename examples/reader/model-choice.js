// @ts-check
// Which model reads: the bundled one, a GGUF file of the visitor's, or one that a link names.
import { load } from '../../dist/index.js';
import { budgetOptions } from './budgets.js';
import { desk, startRunning } from './desk.js';
import { bringIntoSight, byId } from './dom.js';
import { showKept } from './kept.js';
import { startModelForm } from './model-form.js';
import { note, recall } from './notes.js';
import { bytes, count } from './numbers.js';
import { layOut } from './open-text.js';
import { showPanel } from './panel.js';
import { clearProblem } from './problems.js';
import { resumeLast } from './shelf.js';
import { say, setState } from './state.js';

/** @typedef {string | File} Source */

const LAST = 'longhand-reader-model';
const { searchParams } = new URL(location.href);
export const BUNDLED = new URL('../models/book-reader-5m-Q8_0.gguf', import.meta.url).href;
const asked = searchParams.get('model');
/** What computes: `?backend=webgpu` takes the GPU also where it is only software. */
const backend = /** @type {'auto' | 'wasm' | 'webgpu'} */ (searchParams.get('backend') ?? 'auto');

/** The model that `?model=` names, as `npm start -- --model path` does; the one of the last visit; or the bundled one. */
export const firstModel = () => (asked ? new URL(asked, location.href).href : (recall(LAST) ?? BUNDLED));

const origin = () => {
  const { info } = desk.model;
  if (desk.source instanceof Blob) return 'a file that you chose; it stays on this device and is not copied';
  if (info.downloadedBytes > 0)
    return `${bytes(info.downloadedBytes)} came over the network${info.cached ? ' and are kept now' : ''}`;
  return info.cached ? 'from this device, nothing was fetched' : 'loaded';
};

const describe = () => {
  const { info } = desk.model;
  byId('model-name').textContent = info.name || 'A model without a name';
  byId('model-note').textContent =
    `${(info.parameters / 1e6).toFixed(info.parameters < 1e8 ? 1 : 0)} million parameters, ${bytes(info.weightBytes)} in memory; ${origin()}.` +
    (desk.source === BUNDLED
      ? ' A yardstick, not an assistant: it knows nothing but what stands in the text, and answers questions about single facts like those hidden in the bundled book.'
      : '');
};

/** Opens a model, and with it the text of the last visit where it can go on with that. */
export const openModel = async (/** @type {Source} */ source) => {
  setState('loading');
  clearProblem();
  await layOut();
  await desk.model?.close();
  byId('bar').value = 0;
  desk.model = await load(source, {
    ...budgetOptions(),
    backend,
    signal: startRunning(),
    onProgress: ({ loaded, total }) => {
      byId('bar').value = loaded / total;
      say(`Loading the model: ${bytes(loaded)} of ${bytes(total)}`, true);
    },
  });
  desk.source = source;
  if (typeof source === 'string' && !asked) note(LAST, source);
  describe();
  await showPanel();
  await showKept();
  if (await resumeLast()) return;
  say(
    `Ready. ${desk.model.info.name} reads up to ${count(desk.model.info.maxTokens)} tokens here. Choose a text.`,
  );
  setState('empty');
};

/** Takes another model; where that fails the one before is opened again, and the reason is said. @param {Source} source */
export const changeModel = async (source) => {
  const before = /** @type {Source} */ (desk.source);
  bringIntoSight('status');
  try {
    await openModel(source);
  } catch (error) {
    if (before && before !== source) await openModel(before);
    throw error;
  }
  byId('choose').open = false;
};

export const startModelChoice = (/** @type {(work: () => Promise<void>) => void} */ guarded) =>
  startModelForm(guarded, changeModel, BUNDLED);
