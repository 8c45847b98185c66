// @ts-check
// What stands on the shelf: cards, what the SDK keeps of them for this model, and what is being read.
import { desk } from '../reader/desk.js';
import { markOf } from '../reader/text.js';
import { allCards } from './cards.js';

const MINE = 'shelf/';

/**
 * `restorable`: of its `tokens`, those that need not be read again; `tokens` 0: it was not read with this model.
 * @typedef {import('./cards.js').Card & { session: string, tokens: number, restorable: number, bytes: number }} Volume
 */

/** Each model reads a text for itself. @param {string} id */
export const sessionOf = (id) =>
  `${MINE}${id}/${markOf(`${desk.model.info.name} ${desk.model.info.parameters}`)}`;

/** @param {import('./cards.js').Card} card @param {import('../../dist/index.js').StoredSession | undefined} kept @returns {Promise<Volume>} */
const volumeOf = async (card, kept) => {
  const session = sessionOf(card.id);
  if (!kept || kept.tokens === 0) return { ...card, session, tokens: 0, restorable: 0, bytes: 0 };
  const { tokens, restorableTokens } = await desk.model.probeSession(session);
  const whole = kept.bytes.own + kept.bytes.shared;
  return {
    ...card,
    session,
    tokens,
    restorable: restorableTokens,
    bytes: (whole * restorableTokens) / tokens,
  };
};

/** @returns {Promise<Volume[]>} */
export const volumes = async () => {
  const kept = new Map((await desk.model.sessions()).map((session) => [session.id, session]));
  const cards = await allCards();
  return Promise.all(cards.map((card) => volumeOf(card, kept.get(sessionOf(card.id)))));
};

/** @param {string} id */
export const volumeAt = async (id) => (await volumes()).find((volume) => volume.id === id);

/** Every session of a text, whichever model read it. @param {string} id */
export const sessionsOf = async (id) =>
  (await desk.model.sessions())
    .map((session) => session.id)
    .filter((name) => name.startsWith(`${MINE}${id}/`));

/** Tells the page that something on the shelf is not as it was. */
export const changed = () => document.dispatchEvent(new Event('shelf-changed'));
