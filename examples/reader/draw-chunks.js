// @ts-check
import { bar } from './draw-strip.js';

/** Tokens on either side of a place that its close-up shows. */
const NEAR = 320;

/**
 * The chunks around a place, each as long as it is and as high as it was read; the one that is open stands out.
 * @param {SVGSVGElement} svg @param {{ start: number, end: number }} place
 * @param {readonly import('./bins.js').Source[]} sources @param {number} read tokens of the text
 */
export const drawChunks = (svg, place, sources, read) => {
  const from = Math.max(0, place.start - NEAR);
  const to = Math.min(read, place.end + NEAR);
  const near = sources.filter(({ part, start, end }) => part === 'text' && start < to && end > from);
  const most = Math.max(...near.map(({ share }) => share), 1e-9);
  svg.setAttribute('viewBox', `0 0 ${to - from} 100`);
  svg.replaceChildren(
    ...near.map(({ start, end, share }) => {
      const open = start === place.start;
      const height = Math.max(open ? 12 : 3, (96 * share) / most);
      const kind = open ? 'text' : 'near';
      return bar(kind, start - from + 0.5, 100 - height, end - start - 1, height);
    }),
  );
};
