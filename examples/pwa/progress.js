// @ts-check
// How far a reading is: on its cover, on its page, and in words for those who only hear it.
import { byId } from '../reader/dom.js';
import { percent } from '../reader/numbers.js';

/** Said aloud at these parts of a text. */
const STEP = 0.25;

/** @param {string} text a screen reader says it at once */
export const announce = (text) => {
  byId('status').textContent = text;
};

/** @param {import('./reading.js').Job} job @param {number} share @param {string} note what a screen reader need not say */
export const showProgress = (job, share, note) => {
  const before = Math.floor(job.share / STEP);
  Object.assign(job, { share, note });
  if (Math.floor(share / STEP) > before && share < 1) announce(`Reading ${job.name}: ${percent(share)}.`);
  document.dispatchEvent(new CustomEvent('job-progress', { detail: job }));
};
