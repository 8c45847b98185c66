import { type Range, SUB_BLOCK } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, budgetAt, keepOf, keepSignature } from './budget.js';
import { writePattern } from './pattern.js';
import type { Needs, Predictor } from './predictor.js';

/** Blocks by lot. */
export interface RandomOptions extends BudgetOptions {
  readonly method: 'random';
  /** Tokens in a block. Default 16. */
  readonly size?: number;
  /** Whether every KV head draws for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** Same seed, same lots. Default 0. */
  readonly seed?: number;
}

/** A number that looks drawn and depends on all of `keys` (the mixing steps of MurmurHash3). */
export const lot = (...keys: number[]): number => {
  let h = 0x9747b28c;
  for (const key of keys) {
    h = Math.imul(h ^ key, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return h >>> 0;
};

/** The lower end of every comparison: a method that finds no more than this looks at nothing. */
export const random = (options: RandomOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', 'lists', 'seed', ...BUDGET_OPTIONS]);
  const size = wholeNumber('attention.size', options.size, SUB_BLOCK, 1, 4096);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const seed = wholeNumber('attention.seed', options.seed, 0, 0);
  const keep = keepOf(options);
  return {
    name: 'random',
    needs: { lists, candidates: false, prefixStable: true },
    signature: `random size=${size} lists=${lists} seed=${seed} ${keepSignature(keep)}`,
    plan(backend, { layer, tiles }, out) {
      writePattern(backend, out, tiles, ({ list, start, end }) => {
        const budget = budgetAt(keep, end);
        if (budget >= end) return [[0, end]];
        const from = Math.max(0, start - keep.local);
        const forced: Range[] = [
          [0, keep.sinks],
          [from, start],
        ];
        const left = budget - Math.min(keep.sinks, from) - (end - from);
        const blocks = Array.from({ length: Math.ceil(from / size) }, (_, block) => ({
          block,
          lot: lot(seed, layer, list, start, block),
        })).sort((a, b) => a.lot - b.lot || a.block - b.block);
        const chosen = blocks.slice(0, Math.max(0, Math.floor(left / size)));
        return [...forced, ...chosen.map(({ block }): Range => [block * size, (block + 1) * size])];
      });
    },
  };
};
