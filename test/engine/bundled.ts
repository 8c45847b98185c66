import { readFileSync } from 'node:fs';
import { type OpenModel, openModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { patched } from '../support/gguf-surgery.js';
import { kernelsUrl } from '../support/kernels.js';

export const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
/** Bears keys in q4, which MODEL does not. */
export const GEMMA3 = 'examples/models/book-reader-5m-gemma3-Q8_0.gguf';
export const book = (): string => readFileSync('examples/books/sherlock.txt', 'utf8');

/** The bundled model, opened in this thread, and on this one alone, with everything reachable. */
export const openBundled = (
  options: EngineOptions = {},
  file: string | Uint8Array<ArrayBuffer> = MODEL,
): Promise<OpenModel> =>
  openModel(file, { kernelsUrl, threads: 1, ...options }, new AbortController().signal, () => undefined);

/** MODEL with queries of a quarter of their length: its attention is flat, so that it bears keys in q4. */
export const flattened = async (): Promise<Uint8Array<ArrayBuffer>> => {
  const file = new Uint8Array(readFileSync(MODEL));
  const { tensors } = await openGguf(await openSource(file));
  return patched(file, (view) => {
    for (const [name, { offset, cols }] of tensors) {
      if (!name.endsWith('attn_q_norm.weight')) continue;
      for (let at = offset; at < offset + 4 * cols; at += 4)
        view.setFloat32(at, view.getFloat32(at, true) / 4, true);
    }
  });
};

/** A passage of the book with a fact in the middle of it. */
export const withFact = (characters: number, fact: string): string => {
  const passage = book().slice(2000, 2000 + characters);
  const cut = passage.indexOf('. ', passage.length / 2) + 2;
  return `${passage.slice(0, cut)}${fact} ${passage.slice(cut)}`;
};
