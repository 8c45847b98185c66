// @ts-check
// The whole use of Longhand, in five lines; all else here is a panel.
import { load } from '../../dist/index.js';

/** @typedef {import('../../dist/index.js').Model} Model @typedef {import('../../dist/index.js').Session} Session */

export const openModel = (
  /** @type {URL | File} */ source,
  /** @type {(loaded: number) => void} */ onLoaded,
) => load(source, { cache: false, onProgress: ({ loaded, total }) => onLoaded(loaded / total) });

/**
 * Reads a text, or takes up what was read of it before: `id` names its content.
 * @param {Model} model @param {{ id: string, title: string, text: string }} page
 * @param {import('../../dist/index.js').CallOptions} options
 */
export const readText = async (model, { id, title, text }, options) => {
  const session = await model.session({ id, title });
  await session.append(text, options);
  return session;
};

/** @param {Session} session @param {string} question @param {AbortSignal} signal @param {(piece: string) => void} onPiece */
export const answer = async (session, question, signal, onPiece) => {
  const said = session.ask(question, { signal, maxTokens: 320, sources: true });
  for await (const piece of said) onPiece(piece);
  return said.finish;
};
