import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { Context } from '../../src/generate/context.js';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** All there is to compare: pages of all layers, as far as they are read, boundaries, the last tile's ranges and the logits. */
export const everything = async (model: OpenModel, context: Context) => {
  const logits = [...(await context.logits())];
  const { backend } = model.reader;
  const found = await context.withState(async ({ layers, chunks, residency }) => {
    const { length } = context.tokens;
    const whole = Math.floor(length / 64);
    await residency.load(0, length, length);
    const pages: string[] = [];
    for (const [layer, kv] of layers.entries()) {
      if (kv.shape.state) {
        expect(kv.met).toBe(length);
        pages.push(digest(await backend.readPage(kv, Math.ceil(length / 64) - 1)));
        continue;
      }
      // Layers that slide need no more than their windows.
      const { window = length } = model.reader.config.attention[layer]!;
      for (let page = Math.floor((length - window) / 64) + (window < length ? 1 : 0); page < whole; page++) {
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
