import { LonghandError } from '../errors.js';
import { flag, numberBetween, onlyKnown, wholeNumber } from '../options.js';
import { estimateHeads } from './estimate-heads.js';
import type { Policy } from './policy.js';

/** Some heads keep everything, the others the first and the nearest tokens. */
export interface DuoOptions {
  readonly policy: 'duo';
  /**
   * How much each head retrieves, 0 to 1: heads[layer][KV head], layers that are read whole. The rows of the files that the
   * paper's authors publish, or what `left out` finds: the model is read a prompt of about 2,000 tokens with a needle in it,
   * once at every load, and each head's share of attention on the needle counts.
   */
  readonly heads?: readonly (readonly number[])[];
  /** Share of the heads, those that retrieve least, that stream. Default 0.5, as the paper has it where heads share keys. */
  readonly sparsity?: number;
  /** Streaming heads: first tokens of the context. Default 64. */
  readonly sinks?: number;
  /** Streaming heads: tokens before a row. Default 256. */
  readonly recent?: number;
  /** Whether the text itself is read that way, too. Default true. */
  readonly reading?: boolean;
}

/** Which heads stream: the `sparsity` share with the least numbers; of equals the later ones. */
export const streaming = (heads: readonly (readonly number[])[], sparsity: number): boolean[][] => {
  const all = heads.flatMap((own, layer) => own.map((worth, head) => ({ worth, layer, head })));
  const order = all.map((one, n) => ({ ...one, n })).sort((a, b) => a.worth - b.worth || b.n - a.n);
  const stream = heads.map((own) => own.map(() => false));
  for (const { layer, head } of order.slice(0, Math.floor(sparsity * all.length)))
    stream[layer]![head] = true;
  return stream;
};

const wrongTable = (found: string, wanted: string): LonghandError =>
  new LonghandError(
    'input/option',
    `retention.heads has ${found}; this model has ${wanted}. Give a number from 0 to 1 for each KV head of each layer that is read whole, or leave it out.`,
    { option: 'retention.heads' },
  );

const checkTable = (heads: DuoOptions['heads']): void => {
  if (heads === undefined) return;
  const isTable =
    Array.isArray(heads) &&
    heads.every((own) => Array.isArray(own) && own.every((worth) => worth >= 0 && worth <= 1));
  if (!isTable) throw wrongTable('something else', 'layers of KV heads');
};

/**
 * DuoAttention (arXiv 2410.10819): retrieval heads read everything, streaming heads sinks and a window, in the text as in
 * answers; positions stay as they are. The paper trains the numbers of the heads; here they come from its files, or from
 * what the heads do with a needle.
 */
export const duo = (options: DuoOptions): Policy => {
  onlyKnown('retention', options, ['policy', 'heads', 'sparsity', 'sinks', 'recent', 'reading']);
  checkTable(options.heads);
  const sparsity = numberBetween('retention.sparsity', options.sparsity, 0.5, 0, 1);
  const sinks = wholeNumber('retention.sinks', options.sinks, 64, 0);
  const recent = wholeNumber('retention.recent', options.recent, 256, 1);
  const reading = flag('retention.reading', options.reading) ?? true;
  const table = options.heads ?? [];
  const stream = streaming(table, sparsity);
  const shown = stream.map((own) => own.map((is) => (is ? 's' : 'r')).join('')).join(' ');
  return {
    name: 'duo',
    needs: { reading, rows: 0, decay: 1, every: 0, values: false },
    signature: `duo sinks=${sinks} recent=${recent}${reading ? '' : ' reading=false'} heads=${shown}`,
    ...(!options.heads && {
      measured: async (measure) => duo({ ...options, heads: await estimateHeads(measure) }),
    }),
    check(heads) {
      const [found, wanted] = [table.map((own) => own.length), heads].map((all) => all.join(' + '));
      if (found !== wanted) throw wrongTable(`${found} heads`, `${wanted}`);
    },
    keepAt: ({ layer, head, start }) =>
      stream[layer]![head]
        ? [
            [0, sinks],
            [start - recent, start],
          ]
        : [[0, start]],
  };
};
