/** Bytes on the device by model, counted, not estimated. */
import { statSync } from 'node:fs';
import { makeModel } from '../make-model.js';
import { type Goal, table } from './goal.js';
import { openOurs } from './ours.js';
import { openPlace } from './place.js';

const MODELS = [
  ['smollm2-135m', 'Q8_0'],
  ['smollm2-135m', 'Q4_0'],
  ['qwen2.5-0.5b', 'Q8_0'],
  ['llama-3.2-1b', 'Q4_0'],
  ['gemma3-1b', 'Q4_0'],
] as const;

export const memory: Goal = {
  name: 'memory',
  about: 'bytes held by models of several sizes after reading 256 tokens',

  async measure(results, { quick }) {
    const rows: string[][] = [];
    for (const [shape, type] of quick ? MODELS.slice(0, 2) : MODELS) {
      const value = await results.row(`${shape} ${type}`, async () => {
        const path = makeModel(shape, type);
        const place = await openPlace('Node');
        const opened = await openOurs(place, path, { threads: 1 });
        const { bytes, pages, weights } = await opened.sample(256, 1);
        await opened.close();
        return { bytes, pages, weights, file: statSync(path).size };
      });
      const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);
      const rest = value.bytes - value.weights - value.pages;
      rows.push([
        `${shape} ${type}`,
        ...[value.file, value.weights, value.pages, rest, value.bytes].map(mega),
      ]);
    }
    return table(
      ['shape', 'file, MB', 'weights, MB', 'pages of 256 tokens, MB', 'everything else, MB', 'together, MB'],
      rows,
    );
  },
};
