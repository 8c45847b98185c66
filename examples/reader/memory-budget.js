// @ts-check
// How many bytes of texts may be in memory. It is an option of `load`, so another budget opens the engine again, over the
// same pages: nothing is read again.
import { byId } from './dom.js';
import { isState } from './state.js';

const KEY = 'longhand-reader-memory';
/** Megabytes; behind the last one the device decides. */
const STEPS = [16, 32, 64, 128, 256, 512, 1024];

const chosen = () => {
  const at = STEPS.indexOf(Number(localStorage.getItem(KEY)));
  return at < 0 ? STEPS.length : at;
};

/** The options of `load` for the chosen budget. @returns {{ kv?: { memory: string } }} */
export const memoryOptions = () => {
  const megabytes = STEPS[chosen()];
  return megabytes === undefined ? {} : { kv: { memory: `${megabytes}MB` } };
};

const show = () => {
  const slider = byId('memory');
  const megabytes = STEPS[Number(slider.value)];
  const text = megabytes === undefined ? 'as the device allows' : `${megabytes} MB`;
  byId('memory-at').textContent = text;
  slider.ariaValueText = text;
};

/** @param {() => void} reopen opens the model again */
export const startMemory = (reopen) => {
  const slider = byId('memory');
  slider.max = String(STEPS.length);
  slider.value = String(chosen());
  show();
  slider.addEventListener('input', show);
  slider.addEventListener('change', () => {
    if (!isState('empty', 'ready')) return;
    const megabytes = STEPS[Number(slider.value)];
    if (megabytes === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, String(megabytes));
    reopen();
  });
};
