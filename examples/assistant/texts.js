// @ts-check
// Texts that the visitor added: kept by the page, to be searched, or read into a conversation.
import { clear, createStore, del, get, set, values } from 'idb-keyval';

/** @typedef {{ id: string, name: string, words: string, added: number }} Text */

const LONGEST = 5e6;
const store = createStore('assistant-texts', 'texts');
/** Where the browser keeps nothing, as long as the page lives. @type {Map<string, Text>} */
const here = new Map();

/** Newest first. @returns {Promise<Text[]>} */
export const allTexts = async () => {
  /** @type {Text[]} */
  const kept = await values(store).catch(() => []);
  return [...kept, ...here.values()].sort((a, b) => b.added - a.added);
};

/** @param {string} id @returns {Promise<Text | undefined>} */
export const textAt = (id) => get(id, store).catch(() => here.get(id));

/** @param {File} file plain text or Markdown */
export const addText = async (file) => {
  if (file.size > LONGEST)
    throw new Error(`${file.name} is too long: at most ${LONGEST / 1e6} MB of text are taken.`);
  let words;
  try {
    words = new TextDecoder('utf-8', { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw new Error(
      `${file.name} is not plain text. Add .txt or .md files here; the shelf reads books and PDF.`,
    );
  }
  const text = { id: crypto.randomUUID(), name: file.name.slice(0, 120), words, added: Date.now() };
  await set(text.id, text, store).catch(() => here.set(text.id, text));
};

/** @param {string} id */
export const dropText = async (id) => {
  here.delete(id);
  await del(id, store).catch(() => undefined);
};

export const dropAllTexts = async () => {
  here.clear();
  await clear(store).catch(() => undefined);
};
