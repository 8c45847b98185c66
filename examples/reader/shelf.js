// @ts-check
// Reading a text, going on with it, resuming it.
import { desk, startRunning } from './desk.js';
import { bringIntoSight, byId } from './dom.js';
import { openHalf } from './half.js';
import { dropText, keepText, lastText } from './kept-text.js';
import { isKeeping } from './lasting.js';
import { count, percent, seconds, speed, tokens } from './numbers.js';
import { layOut, showText, wordsOf } from './open-text.js';
import { showPanel, watchPanel } from './panel.js';
import { clearProblem, isAbort } from './problems.js';
import { paceOf, say, setState } from './state.js';
import { sayLegend, showStrip } from './strip.js';

/** @typedef {import('./desk.js').Text} Text */

const AGAIN = 'Green: found again, not read again. Click anywhere to look inside.';

/** The session of a text. @param {Text} text */
const open = async (text) => {
  desk.session = await desk.model.session({ id: text.id });
  desk.words = text.plain === undefined ? undefined : wordsOf(text);
  return desk.session;
};

/**
 * Reads what `find` gives. The state is `ready` afterwards; stopped half-way, too, where something of it was kept.
 * @param {string} name @param {(signal: AbortSignal) => Promise<Text>} find
 */
export const readText = async (name, find) => {
  const said = byId('status').textContent;
  setState('reading');
  clearProblem();
  byId('go-on').hidden = true;
  const signal = startRunning();
  byId('bar').value = 0;
  say(`Opening ${name}…`);
  bringIntoSight('status');
  /** @type {Text | undefined} */
  let text;
  try {
    text = { ...(await find(signal)), half: false };
    await layOut(text);
    // Whatever ends the visit now, the next one finds a half-read text.
    await keepText({ ...text, half: true });
    const session = await open(text);
    const started = performance.now();
    /** @type {ReturnType<typeof paceOf> | undefined} */
    let pace;
    let found = 0;
    const unwatch = watchPanel();
    await session
      .append(wordsOf(text), {
        signal,
        onProgress: (progress) => {
          if (!pace) {
            pace = paceOf(started, progress.loaded);
            // Less than a segment behind what was found is what one call has read.
            found = Math.floor(progress.loaded / 256) > 1 ? progress.loaded : 0;
            if (found > 0) sayLegend('Green: found again, not read again.');
          }
          byId('bar').value = progress.loaded / progress.total;
          showStrip({ tokens: progress.total, read: progress.loaded, reused: found });
          say(pace(progress), true);
        },
      })
      .finally(unwatch);
    await keepText(text);
    await finish(text, (performance.now() - started) / 1000);
  } catch (error) {
    const stopped = isAbort(error);
    if (!text) {
      // What was open before still is.
      byId('go-on').hidden = !desk.text?.half;
      setState(desk.session ? 'ready' : 'empty');
      say(said);
    } else if (stopped) {
      await openHalf(text);
      byId('go-on').focus();
    } else await layOut();
    if (!stopped) throw error;
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
  showText({ tokens: stats.tokens, reused });
  sayLegend(reused > 0 ? AGAIN : 'Click anywhere to look inside.');
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
  await layOut({ ...text, half: false });
  await keepText({ ...text, half: false });
  const started = performance.now();
  const session = await open(text);
  const { resumedTokens } = session;
  const elapsed = seconds((performance.now() - started) / 1000);
  const stats = await session.stats();
  const { reusedTokens: reused } = stats;
  const lost = resumedTokens - reused;
  say(
    `Resumed ${tokens(resumedTokens)} in ${elapsed}; ${lost === 0 ? 'none was read again' : `${count(lost)} of them will be read again with the next question`}.`,
  );
  showText({ tokens: stats.tokens, reused });
  sayLegend(AGAIN);
  Object.assign(byId('reading').dataset, { tokens: stats.tokens, reused, resumed: resumedTokens });
  await showPanel();
  setState('ready');
};

/** The text of the last visit: open again, as far as it was read. Whether there was one. */
export const resumeLast = async () => {
  const text = await lastText();
  if (!text) return false;
  const kept = (await desk.model.sessions()).find(({ id }) => id === text.id);
  if (kept && kept.tokens > 0 && kept.restores !== 'nothing') {
    await resumeText(text);
    return true;
  }
  // Where nothing is kept of what was read, the words may be there still.
  if (text.plain === undefined || (!text.half && isKeeping(desk.model.info))) return false;
  await openHalf(text);
  return true;
};

/** Reads the half-read text to its end. */
export const goOn = async () => {
  const text = await lastText();
  if (text) await readText(text.name, async () => text);
};

export const forgetText = async (/** @type {string} */ id) => {
  await desk.model.deleteSession(id);
  await dropText(id);
};
