// @ts-check
// How many bytes of texts may be in memory, and how many may be kept. Both are options of `load`, so another budget opens
// the engine again, over the same pages: nothing is read again.
import { byId } from './dom.js';
import { note, recall } from './notes.js';
import { isState } from './state.js';

/** Megabytes; behind the last one somebody else decides, in the words of `free`. */
const budgets = {
  memory: { steps: [16, 32, 64, 128, 256, 512, 1000], free: 'as the device allows' },
  disk: { steps: [16, 64, 256, 1000, 4000, 16_000], free: 'half of what the browser allows' },
};
/** @typedef {keyof typeof budgets} Budget */

const keyOf = (/** @type {Budget} */ name) => `longhand-reader-${name}`;

const chosen = (/** @type {Budget} */ name) => {
  const { steps } = budgets[name];
  const at = steps.indexOf(Number(recall(keyOf(name))));
  return at < 0 ? steps.length : at;
};

/** What was chosen, in bytes; nothing where somebody else decides. @param {Budget} name */
export const bytesOf = (name) => {
  const megabytes = budgets[name].steps[chosen(name)];
  return megabytes === undefined ? undefined : megabytes * 1e6;
};

/** The options of `load` for the chosen budgets. @returns {{ kv: { memory?: number, disk?: number } }} */
export const budgetOptions = () => {
  const [memory, disk] = [bytesOf('memory'), bytesOf('disk')];
  return { kv: { ...(memory !== undefined && { memory }), ...(disk !== undefined && { disk }) } };
};

const inWords = (/** @type {Budget} */ name, /** @type {number} */ at) => {
  const megabytes = budgets[name].steps[at];
  if (megabytes === undefined) return budgets[name].free;
  return megabytes < 1000 ? `${megabytes} MB` : `${megabytes / 1000} GB`;
};

/** @param {Budget} name @param {() => void} reopen */
const start = (name, reopen) => {
  const slider = byId(name);
  const show = () => {
    const text = inWords(name, Number(slider.value));
    byId(`${name}-at`).textContent = text;
    slider.ariaValueText = text;
  };
  slider.max = String(budgets[name].steps.length);
  slider.value = String(chosen(name));
  show();
  slider.addEventListener('input', show);
  slider.addEventListener('change', () => {
    if (!isState('empty', 'ready')) return;
    const megabytes = budgets[name].steps[Number(slider.value)];
    note(keyOf(name), megabytes?.toString());
    reopen();
  });
};

/** @param {() => void} reopen opens the model again */
export const startBudgets = (reopen) => {
  start('memory', reopen);
  start('disk', reopen);
};
