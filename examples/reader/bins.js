// @ts-check
/** @typedef {import('../../dist/index.js').Source} Source */
/** @typedef {{ start: number, end: number, text: number, apart: number }} Bin `text`, `apart`: the greatest share in it */

/**
 * A text of `tokens` in `count` equal bins, each with the greatest share of attention that a source in it has: the highest
 * bar is the place that was read most. What lies behind the text, the question and the answer, is left out.
 * @param {readonly Source[]} sources @param {number} tokens @param {number} count @returns {Bin[]}
 */
export const binsOf = (sources, tokens, count) => {
  const width = tokens / count;
  const bins = Array.from({ length: count }, (_, i) => ({
    start: Math.floor(i * width),
    end: Math.floor((i + 1) * width),
    text: 0,
    apart: 0,
  }));
  for (const { start, end, share, part } of sources) {
    const kind = part === 'text' ? 'text' : 'apart';
    for (let i = Math.floor(start / width); i < count && i * width < end; i++) {
      const bin = bins[i];
      if (bin) bin[kind] = Math.max(bin[kind], share);
    }
  }
  return bins;
};

/** Strongest first. @param {readonly Source[]} sources @param {number} most */
export const strongest = (sources, most) =>
  sources
    .filter(({ part }) => part === 'text')
    .sort((a, b) => b.share - a.share)
    .slice(0, most);

/**
 * The chunk before or after a place, of those that were read. @param {readonly Source[]} sources
 * @param {number} start of the place @param {number} step -1 or 1
 */
export const nextTo = (sources, start, step) => {
  const chunks = sources.filter(({ part }) => part === 'text');
  return step > 0
    ? chunks.find((chunk) => chunk.start > start)
    : chunks.filter((chunk) => chunk.start < start).at(-1);
};

/**
 * What lies at a place: the source that was read most of those that reach into it, or the place itself.
 * @param {readonly Source[]} sources @param {{ start: number, end: number }} place
 * @returns {{ start: number, end: number, share: number, part?: Source['part'] }}
 */
export const placeIn = (sources, { start, end }) => {
  const inside = sources.filter((source) => source.start < end && source.end > start);
  const [best] = strongest(inside, 1);
  if (best) return best;
  const apart = inside[0];
  return {
    start,
    end: Math.max(start + 1, end),
    share: apart?.share ?? 0,
    ...(apart && { part: apart.part }),
  };
};
