import { readFileSync } from 'node:fs';
import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { kernelsUrl } from '../support/kernels.js';

export const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
export const book = (): string => readFileSync('examples/books/sherlock.txt', 'utf8');

/** The bundled model, opened in this thread, and on this one alone, with everything reachable. */
export const openBundled = (options: EngineOptions = {}): Promise<OpenModel> =>
  openModel(MODEL, { kernelsUrl, threads: 1, ...options }, new AbortController().signal, () => undefined);

/** A passage of the book with a fact in the middle of it. */
export const withFact = (characters: number, fact: string): string => {
  const passage = book().slice(2000, 2000 + characters);
  const cut = passage.indexOf('. ', passage.length / 2) + 2;
  return `${passage.slice(0, cut)}${fact} ${passage.slice(cut)}`;
};
