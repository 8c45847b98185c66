// @ts-check
// Opening, reading, stopping and resuming a text.
import { desk, startRunning } from './desk.js';
import { byId } from './dom.js';
import { hideAt } from './hide.js';
import { dropText, keepText, lastText } from './kept-text.js';
import { count, percent, seconds, speed, tokens } from './numbers.js';
import { showPanel } from './panel.js';
import { clearProblem, isAbort } from './problems.js';
import { paceOf, say, setState } from './state.js';
import { clearStrip, sayLegend, showStrip } from './strip.js';
import { offer } from './suggest.js';
import { markOf } from './text.js';

/** @typedef {import('./desk.js').Text} Text */

/** The page's title for a text; whoever shows something of it hears `text-changed`. */
const title = (/** @type {Text | undefined} */ text) => {
  byId('title').textContent = text?.name ?? 'No text yet';
  byId('read').hidden = Boolean(text?.bundled && !text.needle && !text.half);
  document.dispatchEvent(new Event('text-changed'));
};

/** Whether reading can be gone on with: the half-read text. */
const showHalf = (/** @type {boolean} */ half) => {
  byId('go-on').hidden = !half;
  if (half) document.body.dataset.half = '';
  else delete document.body.dataset.half;
};

export const closeText = async () => {
  const open = desk.session;
  desk.session = undefined;
  desk.text = undefined;
  title(undefined);
  offer(undefined);
  clearStrip();
  await open?.close();
};

/** The words that are read: the text, with the visitor's needle where there is one. @param {Text} text */
export const wordsOf = ({ plain = '', needle }) =>
  needle ? hideAt(plain, needle.depth, needle.statement) : plain;

/** @param {Omit<Text, 'id'>} text @returns {Text} */
export const cardOf = (text) => {
  const words = wordsOf({ id: '', ...text });
  return { ...text, id: `reader/${text.name.slice(0, 100)} ${markOf(words)}` };
};

const open = async (/** @type {Text} */ text) => {
  await closeText();
  byId('transcript').replaceChildren();
  desk.text = text;
  title(text);
  await keepText(text);
  desk.session = await desk.model.session({ id: text.id });
  return desk.session;
};

/** Draws the strip of the text that is open, with where its needle lies. @param {number} all @param {number} reused */
const drawText = (all, reused) => {
  desk.tokens = all;
  const { needle } = desk.text ?? {};
  showStrip({ tokens: all, read: all, reused, needle: needle && needle.depth * all });
};

/**
 * Reads what `find` gives. The state is `ready` afterwards, or `empty` with a half-read text to go on with.
 * @param {string} name @param {(signal: AbortSignal) => Promise<Text>} find
 */
export const readText = async (name, find) => {
  setState('reading');
  clearProblem();
  showHalf(false);
  const signal = startRunning();
  byId('bar').value = 0;
  say(`Opening ${name}…`);
  try {
    const text = await find(signal);
    const session = await open(text);
    const started = performance.now();
    /** @type {ReturnType<typeof paceOf> | undefined} */
    let pace;
    let found = 0;
    await session.append(wordsOf(text), {
      signal,
      onProgress: (progress) => {
        if (!pace) {
          pace = paceOf(started, progress.loaded);
          // Less than a segment behind what was found is what one call has read.
          found = Math.floor(progress.loaded / 256) > 1 ? progress.loaded : 0;
        }
        byId('bar').value = progress.loaded / progress.total;
        showStrip({ tokens: progress.total, read: progress.loaded, reused: found });
        say(pace(progress), true);
      },
    });
    await finish(text, (performance.now() - started) / 1000);
  } catch (error) {
    const { text } = desk;
    await closeText();
    if (!isAbort(error) || !text) {
      setState('empty');
      throw error;
    }
    const half = { ...text, half: true };
    await keepText(half);
    title(half);
    showHalf(true);
    say('Stopped. What was read is kept: go on whenever you like, also after a reload.');
    setState('empty');
  }
};

/** @param {Text} text @param {number} elapsed */
const finish = async (text, elapsed) => {
  const stats = await /** @type {NonNullable<typeof desk.session>} */ (desk.session).stats();
  const { reusedTokens: reused } = stats;
  const part =
    text.share < 0.995
      ? ` (the first ${percent(Math.max(0.01, text.share))} of it: all that the model’s window holds)`
      : '';
  const fresh = stats.tokens - reused;
  const rate = speed({ tokens: fresh, seconds: elapsed });
  say(
    reused > 0
      ? `Read ${tokens(stats.tokens)}${part}. ${count(reused)} were read before and found again; ${count(fresh)} were new. ${seconds(elapsed)}.`
      : `Read ${tokens(stats.tokens)}${part} in ${seconds(elapsed)}, ${rate}.`,
  );
  drawText(stats.tokens, reused);
  sayLegend(
    reused > 0
      ? 'Green: found again, not read again. Click anywhere to look inside.'
      : 'Click anywhere to look inside.',
  );
  offer(text);
  Object.assign(byId('reading').dataset, {
    tokens: stats.tokens,
    reused,
    seconds: elapsed.toFixed(2),
    density: stats.density.prefill.toFixed(3),
    bytes: stats.bytes.pages,
    stored: stats.storedBytes,
  });
  await showPanel();
  setState('ready');
  byId('question').focus({ preventScroll: true });
};

/** Goes on with a text that is kept. @param {Text} text */
export const resumeText = async (text) => {
  setState('loading');
  const started = performance.now();
  const { resumedTokens } = await open(text);
  const elapsed = seconds((performance.now() - started) / 1000);
  const stats = await /** @type {NonNullable<typeof desk.session>} */ (desk.session).stats();
  const { reusedTokens: reused } = stats;
  const lost = resumedTokens - reused;
  say(
    `Resumed ${tokens(resumedTokens)} in ${elapsed}; ${lost === 0 ? 'none was read again' : `${count(lost)} of them will be read again with the next question`}.`,
  );
  drawText(stats.tokens, reused);
  sayLegend('Green: found again, not read again. Click anywhere to look inside.');
  offer(text);
  Object.assign(byId('reading').dataset, { tokens: stats.tokens, reused, resumed: resumedTokens });
  await showPanel();
  setState('ready');
};

/** The text of the last visit: open again, or offered to be read to its end. Whether there was one. */
export const resumeLast = async () => {
  const text = await lastText();
  if (!text) return false;
  const kept = (await desk.model.sessions()).find(({ id }) => id === text.id);
  if (kept && kept.tokens > 0 && kept.restores !== 'nothing') {
    await resumeText(text);
    return true;
  }
  if (!text.half || text.plain === undefined) return false;
  title(text);
  showHalf(true);
  say('This text was read in part. What was read is kept: go on whenever you like.');
  setState('empty');
  return true;
};

/** Reads the half-read text to its end. */
export const goOn = async () => {
  const text = await lastText();
  if (text) await readText(text.name, async () => ({ ...text, half: false }));
};

export const forgetText = async (/** @type {string} */ id) => {
  await desk.model.deleteSession(id);
  await dropText(id);
};
