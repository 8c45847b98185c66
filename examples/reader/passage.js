// @ts-check
import { desk } from './desk.js';
import { byId, make } from './dom.js';
import { drawChunks } from './draw-chunks.js';
import { count, percent } from './numbers.js';

/** Tokens shown around a passage. */
const AROUND = 56;
const PARTS = /** @type {Record<string, string>} */ ({
  sinks: 'the first tokens, where attention rests when it wants nothing else',
  recent: 'right before the question',
});

/** Characters whose bytes were cut apart at an end of the range. */
const whole = (/** @type {string} */ text) => text.replace(/^�+|�+$/g, '');

const placeOf = (/** @type {number} */ start, /** @type {number} */ tokens) =>
  `${Math.round((100 * start) / tokens)} % into the text`;

export const closePassage = () => {
  byId('passage').hidden = true;
};

let asked = 0;

/**
 * Shows a passage and what is around it.
 * @param {{ start: number, end: number, share: number, part?: string }} place
 * @param {{ tokens: number, read: number, sources?: readonly import('./bins.js').Source[] | undefined }} text its tokens,
 * how many of them were read, and how strongly where that was measured @param {boolean} quietly the keyboard stays where it is
 */
export const showPassage = async ({ start, end, share, part }, { tokens, read, sources }, quietly) => {
  const { session } = desk;
  if (!session) return;
  const mine = ++asked;
  const stop = Math.min(end, read);
  const from = Math.max(0, start - AROUND);
  const quote = byId('passage').querySelector('blockquote');
  if (start >= read) {
    byId('chunks').hidden = true;
    quote.replaceChildren('This part is not read yet: go on reading to look inside.');
    byId('passage').querySelector('figcaption').textContent = placeOf(start, tokens);
    byId('passage').hidden = false;
    if (!quietly) quote.focus();
    return;
  }
  const [before, inside, after] = await Promise.all([
    session.passage({ start: from, end: start }),
    session.passage({ start, end: stop }),
    session.passage({ start: stop, end: Math.min(read, stop + AROUND) }),
  ]);
  // Another place was asked for meanwhile, or another text.
  if (mine !== asked || session !== desk.session) return;
  byId('chunks').hidden = !sources;
  if (sources) drawChunks(byId('chunks').querySelector('svg'), { start, end }, sources, read);
  quote.replaceChildren(
    from > 0 ? '… ' : '',
    whole(from > 0 ? before.slice(before.indexOf(' ') + 1) : before),
    /^\s*/.exec(whole(inside))?.[0] ?? '',
    make('mark', { textContent: whole(inside).trim() }),
    /\s*$/.exec(whole(inside))?.[0] ?? '',
    whole(after.slice(0, after.lastIndexOf(' ') + 1)),
    stop + AROUND < read ? '…' : '',
  );
  const measured = share > 0 ? `${percent(share)} of attention` : 'not read for this answer';
  byId('passage').querySelector('figcaption').textContent = [
    placeOf(start, tokens),
    `tokens ${count(start)} to ${count(stop)}`,
    ...(sources ? [part && PARTS[part] ? `${measured}: ${PARTS[part]}` : measured] : []),
  ].join(' · ');
  byId('passage').hidden = false;
  if (!quietly) quote.focus();
};
