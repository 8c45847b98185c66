// @ts-check
// A text whose reading was stopped. What was read of it rests in the store under its content, so a session of its own finds
// it there; the whole text's session begins when reading goes on.
import { desk } from './desk.js';
import { byId } from './dom.js';
import { keepText } from './kept-text.js';
import { isKeeping } from './lasting.js';
import { count, percent } from './numbers.js';
import { layOut, showText, wordsOf } from './open-text.js';
import { showPanel } from './panel.js';
import { say, setState } from './state.js';
import { sayLegend } from './strip.js';

/** Tokens behind the last whole segment, so that another split of the last word spoils none. */
const SPARE = 8;

/** The beginning of a text that is kept, and how many tokens the whole has. @param {string} words */
const keptOf = async (words) => {
  // Where nothing can be kept nothing was.
  const found = await desk.model.probe(words).catch(() => undefined);
  if (!found || found.restorableTokens === 0) return undefined;
  const ids = await desk.model.tokenize(words);
  const head = await desk.model.detokenize(ids.slice(0, found.restorableTokens + SPARE));
  return { head: words.slice(0, head.length), tokens: found.tokens };
};

/** Lays out a half-read text: it can be asked about as far as it was read, and gone on with. @param {import('./desk.js').Text} text */
export const openHalf = async (text) => {
  setState('loading');
  const half = { ...text, half: true };
  await layOut(half);
  await keepText(half);
  const kept = await keptOf(wordsOf(text));
  if (!kept) {
    say(
      isKeeping(desk.model.info)
        ? 'Stopped before anything was kept. Go on whenever you like.'
        : 'Nothing of it could be kept: go on, and it is read from its beginning.',
    );
    setState('empty');
    return;
  }
  const session = await desk.model.session();
  try {
    await session.append(kept.head);
  } catch (error) {
    await session.close();
    throw error;
  }
  desk.session = session;
  desk.words = kept.head;
  const { tokens: read, reusedTokens: reused } = await session.stats();
  const tokens = Math.max(read, kept.tokens);
  say(
    `Read so far: ${count(read)} of ${count(tokens)} tokens, ${percent(read / tokens)}. That is kept: ask about it now, go on whenever you like, also after a reload.`,
  );
  showText({ tokens, read, reused });
  sayLegend('Green: read so far. Click there to look inside.');
  Object.assign(byId('reading').dataset, { tokens: read, reused, of: tokens });
  await showPanel();
  setState('ready');
};
