// @ts-check
// From the tokens that an answer was read from to the sentences that they stand in.
import { strongest } from '../reader/bins.js';
import { findPassage } from './page/find-passage.js';

const MOST = 3;
/** A passage that was read less than this share of the first one's is no reason for the answer. */
const LEAST = 0.4;
/** Characters around a passage: within which its sentence may end, and by which it is found again on the page. */
const SENTENCE = 300;
const AROUND = 48;
const SENTENCES = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/**
 * Where the sentences begin and end that [start, end) covers by half or more, or else the one it covers most of.
 * @param {string} text @param {number} start @param {number} end
 */
const sentencesAround = (text, start, end) => {
  const from = Math.max(text.lastIndexOf('\n', start - 1) + 1, start - SENTENCE);
  const stop = text.indexOf('\n', end);
  const to = Math.min(stop < 0 ? text.length : stop, end + SENTENCE);
  const sentences = [...SENTENCES.segment(text.slice(from, to))].map(({ index, segment }) => {
    const first = from + index;
    const last = first + segment.trimEnd().length;
    const covered = Math.min(end, last) - Math.max(start, first);
    return { first, last, covered, isMost: 2 * covered >= last - first };
  });
  const touched = sentences.filter(({ covered }) => covered > 0).sort((a, b) => b.covered - a.covered);
  const chosen = touched.filter(({ isMost }, i) => isMost || (i === 0 && !touched.some((one) => one.isMost)));
  if (chosen.length === 0) return { start, end };
  return {
    start: Math.min(...chosen.map(({ first }) => first)),
    end: Math.max(...chosen.map(({ last }) => last)),
  };
};

/**
 * The place of a source in the text that was read. @param {import('../../dist/index.js').Session} session
 * @param {string} text @param {import('../../dist/index.js').Source} source
 */
const placeOf = async (session, text, source) => {
  const [head, inside] = await Promise.all([
    session.passage({ start: 0, end: source.start }),
    session.passage(source),
  ]);
  // A token may end within a character, and a chunk begin with the full stop before it.
  const passage = inside.replace(/^[^\p{L}\p{N}]+|[\s\ufffd]+$/gu, '');
  if (passage === '') return undefined;
  // In front of the text stand a few words of the template.
  return findPassage(text, {
    passage,
    before: head.slice(-AROUND).trimStart(),
    near: Math.min(1, head.length / Math.max(1, text.length)),
  });
};

/**
 * The sentences that an answer was read from, what was read most first.
 * @param {import('../../dist/index.js').Session} session @param {string} text that was read
 * @param {readonly import('../../dist/index.js').Source[]} sources @returns {Promise<import('./wire.js').Quote[]>}
 */
export const quotesOf = async (session, text, sources) => {
  /** @type {{ start: number, end: number, share: number }[]} */
  const found = [];
  const best = strongest(sources, MOST);
  for (const source of best) {
    if (source.share < LEAST * (best[0]?.share ?? 0)) continue;
    const place = await placeOf(session, text, source);
    if (!place) continue;
    const quote = { ...sentencesAround(text, place.start, place.end), share: source.share };
    const other = found.find(({ start, end }) => start < quote.end && end > quote.start);
    if (!other) found.push(quote);
    else
      Object.assign(other, {
        start: Math.min(other.start, quote.start),
        end: Math.max(other.end, quote.end),
        share: other.share + quote.share,
      });
  }
  return found.map(({ start, end, share }) => ({
    text: text.slice(start, end),
    before: text.slice(Math.max(0, start - AROUND), start),
    after: text.slice(end, end + AROUND),
    near: start / Math.max(1, text.length),
    share,
  }));
};
