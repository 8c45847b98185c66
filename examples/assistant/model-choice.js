// @ts-check
// Which model talks, with how much memory: the bundled one, a GGUF file, or one at an address. All tabs have the same.
import { desk } from '../reader/desk.js';
import { byId } from '../reader/dom.js';
import { showLasting } from '../reader/lasting.js';
import { startModelForm } from '../reader/model-form.js';
import { note, recall } from '../reader/notes.js';
import { bytes, count } from '../reader/numbers.js';
import { clearProblem } from '../reader/problems.js';
import { changed } from './among-tabs.js';
import { BUNDLED, isBundled } from './bundled.js';
import { openModel } from './core.js';
import { letGo } from './talk.js';

const LAST = 'longhand-assistant-model';
const MEMORY = 'longhand-assistant-memory';

export const firstModel = () => recall(LAST) ?? BUNDLED;

const describe = () => {
  const { info } = desk.model;
  byId('model-name').textContent = info.name || 'A model without a name';
  byId('yardstick').hidden = !isBundled();
  byId('model-note').textContent =
    `${(info.parameters / 1e6).toFixed(info.parameters < 1e8 ? 1 : 0)} million parameters, ${bytes(info.weightBytes)} in memory; a conversation may have ${count(info.maxTokens)} tokens.`;
  byId('with-tools').checked = !isBundled();
};

const showRole = (/** @type {import('../../dist/shared.js').TabRole} */ role) => {
  byId('role').dataset.role = role;
  byId('role').textContent =
    role === 'serving'
      ? 'This tab computes; others talk to it.'
      : 'Another tab computes; this one talks to it.';
  // Whoever serves from now on loads the model at the first call: better now than with a question.
  if (desk.model) changed();
};

/** @param {string | File} source */
export const useModel = async (source) => {
  document.body.dataset.state = 'loading';
  clearProblem();
  const bar = byId('bar');
  bar.hidden = false;
  bar.value = 0;
  const memory = recall(MEMORY);
  byId('memory').value = memory ?? '';
  desk.model = await openModel(source, {
    ...(memory && { kv: { memory } }),
    onRole: showRole,
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
  location.hash = '';
  await letGo();
  await desk.model?.close();
  try {
    await useModel(wanted);
    // A file is not kept: the next visit begins with the model before it.
    if (typeof wanted === 'string') note(LAST, wanted === BUNDLED ? undefined : wanted);
  } catch (error) {
    if (before) await useModel(before);
    throw error;
  }
  byId('choose').open = false;
};

export const startModelChoice = (/** @type {(work: () => Promise<void>) => void} */ guarded) => {
  startModelForm(guarded, changeModel, BUNDLED);
  byId('memory').addEventListener('change', () => {
    note(MEMORY, byId('memory').value || undefined);
    location.reload();
  });
  // The other tabs take what one of them chose; when everything is forgotten they begin anew.
  addEventListener('storage', ({ key }) => {
    if (key === LAST || key === MEMORY || key === null) location.reload();
  });
};
