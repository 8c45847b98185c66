// @ts-check
/** Numbers as people read them. */

/** A whole number, in thousands. As `toLocaleString('en')`, which first loads what it knows of languages: longer than a frame. */
export const count = (/** @type {number} */ n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
export const tokens = (/** @type {number} */ n) => `${count(n)} token${n === 1 ? '' : 's'}`;
export const bytes = (/** @type {number} */ n) =>
  n < 1e6
    ? `${(n / 1e3).toFixed(0)} kB`
    : n < 1e9
      ? `${(n / 1e6).toFixed(1)} MB`
      : `${(n / 1e9).toFixed(2)} GB`;
export const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

export const seconds = (/** @type {number} */ s) => {
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 90) return `${s.toFixed(1)} s`;
  return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
};

/** Time left, no more exact than anybody can know. */
export const left = (/** @type {number} */ s) => {
  if (s < 1) return 'less than a second left';
  if (s < 90) return `${Math.round(s)} s left`;
  return `about ${Math.round(s / 60)} min left`;
};

export const speed = (/** @type {{ tokens: number, seconds: number }} */ { tokens, seconds: time }) => {
  if (tokens === 0 || time === 0) return '–';
  const rate = tokens / time;
  return `${rate < 20 ? rate.toFixed(1) : count(Math.round(rate))} tokens/s`;
};
