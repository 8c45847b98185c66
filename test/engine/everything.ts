import { createHash } from 'node:crypto';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { Context } from '../../src/generate/context.js';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All there is to compare: pages of all layers, boundaries, the last tile's ranges and the logits. */
export const everything = async (model: OpenModel, context: Context) => {
  const logits = [...(await context.logits())];
  const { backend } = model.reader;
  const found = await context.withState(async ({ layers, chunks }) => {
    const whole = Math.floor(context.tokens.length / 64);
    const pages: string[] = [];
    for (const kv of layers) {
      for (let page = 0; page < whole; page++) {
        pages.push(digest(await backend.readPage(kv, page)));
      }
    }
    const boundaries = chunks ? [...(await backend.readBoundaries(chunks))] : [];
    const summaries = chunks ? digest(await backend.readChunks(chunks, 0, whole)) : '';
    return { pages, boundaries, summaries };
  });
  const plans = [await context.plan(0, 0), await context.plan(5, 1)];
  return { ...found, logits, plans };
};
