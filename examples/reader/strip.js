// @ts-check
import { binsOf, nextTo, placeIn, strongest } from './bins.js';
import { byId, make } from './dom.js';
import { drawStrip } from './draw-strip.js';
import { count, percent } from './numbers.js';
import { closePassage, showPassage } from './passage.js';

/** Pixels of a bin, and bins at most. */
const PIXELS = 4;
const MOST = 200;
const PLACES = 3;

/** @type {import('./draw-strip.js').Picture} */
let picture = { tokens: 0 };
/** The bin that the keyboard stands on. */
let here = 0;

/** Tokens of the text that were read, from its beginning. */
const readTokens = () => picture.read ?? picture.tokens;
const bins = () => Math.max(24, Math.min(MOST, Math.floor(byId('strip').clientWidth / PIXELS)));

const describe = () => {
  const bin = binsOf(picture.sources ?? [], picture.tokens, bins())[here];
  if (!bin) return;
  const share = Math.max(bin.text, bin.apart);
  const measured = picture.sources ? `, ${share > 0 ? `${percent(share)} of attention` : 'not read'}` : '';
  const read = bin.start < readTokens() ? measured : ', not read yet';
  byId('strip').ariaValueNow = String(Math.round((100 * here) / bins()));
  byId('strip').ariaValueText =
    `${Math.round((100 * here) / bins())} % into the text, token ${count(bin.start)}${read}`;
};

const draw = () => {
  byId('strip').classList.toggle('bare', !picture.sources);
  drawStrip(byId('strip').firstElementChild, picture, bins());
  describe();
};

/** Shows a strip, or changes what it shows. @param {Partial<import('./draw-strip.js').Picture>} change */
export const showStrip = (change) => {
  picture = { ...picture, ...change };
  byId('book').hidden = picture.tokens === 0;
  draw();
};

export const clearStrip = () => {
  picture = { tokens: 0 };
  here = 0;
  byId('book').hidden = true;
  byId('places').hidden = true;
  sayLegend('');
  closePassage();
};

export const sayLegend = (/** @type {string} */ text) => {
  byId('legend').textContent = text;
};

/** @param {{ start: number, end: number, share: number, part?: string }} place @param {boolean} [quietly] the keyboard stays where it is */
const open = async (place, quietly = true) => {
  here = Math.min(bins() - 1, Math.floor((place.start / picture.tokens) * bins()));
  picture = { ...picture, cursor: place.start };
  draw();
  for (const button of byId('places').querySelectorAll('button')) {
    button.ariaPressed = String(button.dataset.start === String(place.start));
  }
  await showPassage(place, { ...picture, read: readTokens() }, quietly);
};

/** @param {import('./bins.js').Source} source */
const placeButton = (source) => {
  const at = `${Math.round((100 * source.start) / picture.tokens)} %`;
  const button = make('button', {
    type: 'button',
    textContent: at,
    ariaLabel: `${at} into the text, ${percent(source.share)} of attention: show the passage`,
  });
  button.dataset.start = String(source.start);
  button.addEventListener('click', () => void open(source));
  return button;
};

/** Shows where an answer came from, and opens the place that it was read from most. @param {readonly import('./bins.js').Source[]} all */
export const showSources = async (all) => {
  // Behind what is read of the text stand the question and the answer.
  const end = readTokens();
  const sources = all
    .filter(({ start }) => start < end)
    .map((source) => ({ ...source, end: Math.min(source.end, end) }));
  showStrip({ sources, cursor: undefined });
  const text = sources.filter(({ part }) => part === 'text');
  const share = text.reduce((sum, source) => sum + source.share, 0);
  sayLegend(
    text.length > 0
      ? `${percent(share)} of attention was on the text (bars), the rest on the question, the answer and the text’s edges (grey).`
      : 'All of attention was on the question, the answer and the text right before them.',
  );
  const best = strongest(sources, PLACES);
  byId('places').hidden = best.length === 0;
  byId('places').replaceChildren('Read most at', ...best.map(placeButton));
  if (best[0]) await open(best[0]);
  else closePassage();
};

const openBin = (/** @type {boolean} */ quietly) => {
  const all = binsOf([], picture.tokens, bins());
  const bin = all[here];
  // Narrow bins would open half a word: a place is at least so long.
  if (bin)
    void open(
      placeIn(picture.sources ?? [], { start: bin.start, end: Math.max(bin.end, bin.start + 24) }),
      quietly,
    );
};

/** Opens the chunk beside the place that is open. @param {number} step */
const openNext = (step) => {
  const next = nextTo(picture.sources ?? [], picture.cursor ?? 0, step);
  if (next) void open(next);
};

export const startStrip = () => {
  byId('chunk-before').addEventListener('click', () => openNext(-1));
  byId('chunk-after').addEventListener('click', () => openNext(1));
  const strip = byId('strip');
  strip.addEventListener('click', (/** @type {MouseEvent} */ event) => {
    const { left, width } = strip.getBoundingClientRect();
    here = Math.max(0, Math.min(bins() - 1, Math.floor(((event.clientX - left) / width) * bins())));
    openBin(true);
  });
  strip.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
    const page = Math.ceil(bins() / 10);
    /** @type {Record<string, number>} */
    const moves = {
      ...{ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 },
      ...{ PageDown: -page, PageUp: page, Home: -MOST, End: MOST },
    };
    const move = moves[event.key];
    if (move !== undefined) {
      event.preventDefault();
      here = Math.max(0, Math.min(bins() - 1, here + move));
      const bin = binsOf([], picture.tokens, bins())[here];
      if (bin) showStrip({ cursor: (bin.start + bin.end) / 2 });
    } else if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      openBin(false);
    }
  });
  new ResizeObserver(() => {
    if (picture.tokens > 0) draw();
  }).observe(strip);
};
