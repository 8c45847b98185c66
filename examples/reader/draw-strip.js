// @ts-check
import { binsOf } from './bins.js';

const SVG = 'http://www.w3.org/2000/svg';
/** Where bars stand and how thick the line under them is, of a height of 100; and the least that is seen. */
const FLOOR = 88;
const LINE = 9;
const LEAST = 1.5;

/**
 * What a strip shows. `reused`, `read`: tokens that were found again, and that there are so far, of `tokens`.
 * @typedef {{
 *   tokens: number, read?: number, reused?: number, needle?: number | undefined, cursor?: number | undefined,
 *   sources?: readonly import('./bins.js').Source[],
 * }} Picture
 */

/** @param {string} kind @param {number} x @param {number} y @param {number} width @param {number} height */
export const bar = (kind, x, y, width, height) => {
  const rect = document.createElementNS(SVG, 'rect');
  rect.setAttribute('class', kind);
  for (const [name, value] of Object.entries({ x, y, width, height })) {
    rect.setAttribute(name, String(Math.max(0, value)));
  }
  return rect;
};

/**
 * Draws a text as a line, and on it how strongly each place was read. The first tokens and the
 * question's neighbourhood stand apart in grey and do not set the scale; without sources the line fills the strip.
 * @param {SVGSVGElement} svg @param {Picture} picture @param {number} count bins
 */
export const drawStrip = (svg, picture, count) => {
  const { tokens, read = tokens, reused = 0, sources = [], needle, cursor } = picture;
  const at = (/** @type {number} */ token) => (count * token) / Math.max(1, tokens);
  const bins = binsOf(sources, tokens, count);
  const most = Math.max(...bins.map(({ text }) => text), 1e-9);
  const height = (/** @type {number} */ share) => Math.max(LEAST, FLOOR * Math.min(1, share / most));
  const [top, thick] = picture.sources ? [FLOOR + 3, LINE] : [38, 24];
  svg.setAttribute('viewBox', `0 0 ${count} 100`);
  svg.replaceChildren(
    bar('track', 0, top, count, thick),
    bar('fresh', at(reused), top, at(read - reused), thick),
    bar('again', 0, top, at(reused), thick),
    ...bins.flatMap(({ text, apart }, i) => [
      ...(apart > text ? [bar('apart', i + 0.1, FLOOR - height(apart), 0.8, height(apart))] : []),
      ...(text > 0 ? [bar('text', i + 0.1, FLOOR - height(text), 0.8, height(text))] : []),
    ]),
    ...(needle === undefined ? [] : [bar('needle', at(needle) - 0.4, top, 0.8, thick)]),
    ...(cursor === undefined ? [] : [bar('cursor', at(cursor) - 0.15, 0, 0.3, 100)]),
  );
};
