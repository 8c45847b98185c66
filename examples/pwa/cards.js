// @ts-check
// What the shelf itself remembers of a text: a card, and its words. Tokens and pages are the SDK's.
import { clear, createStore, del, get, set, values } from 'idb-keyval';

/**
 * `share`: how much of the file the words are, from 0 to 1. `wanted`: it is to be read, and is not yet.
 * @typedef {{ id: string, name: string, kind: string, share: number, added: number, wanted: boolean }} Card
 */

const cards = createStore('shelf-cards', 'cards');
const words = createStore('shelf-words', 'words');

/** Where the browser keeps nothing, as long as the page lives. @type {Map<string, Card>} */
const hereCards = new Map();
/** @type {Map<string, string>} */
const hereWords = new Map();

/** Newest first. @returns {Promise<Card[]>} */
export const allCards = async () => {
  /** @type {Card[]} */
  const kept = await values(cards).catch(() => []);
  return [...kept, ...hereCards.values()].sort((a, b) => b.added - a.added);
};

export const keepCard = async (/** @type {Card} */ card) => {
  await set(card.id, card, cards).catch(() => hereCards.set(card.id, card));
};

export const keepWords = async (/** @type {string} */ id, /** @type {string} */ text) => {
  await set(id, text, words).catch(() => hereWords.set(id, text));
};

/** @returns {Promise<string | undefined>} */
export const wordsOf = (/** @type {string} */ id) => get(id, words).catch(() => hereWords.get(id));

export const dropCard = async (/** @type {string} */ id) => {
  hereCards.delete(id);
  hereWords.delete(id);
  await Promise.all([del(id, cards), del(id, words)]).catch(() => undefined);
};

export const dropAllCards = async () => {
  hereCards.clear();
  hereWords.clear();
  await Promise.all([clear(cards), clear(words)]).catch(() => undefined);
};
