import { type Range, SUB_BLOCK } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, budgetAt, keepOf, keepSignature } from './budget.js';
import { lot } from './lot.js';
import { type PatternTile, writePattern } from './pattern.js';
import type { Needs, Predictor } from './predictor.js';
import { drawRest, type RestOptions, restSignature } from './rest.js';

/** Blocks by lot. */
export interface RandomOptions extends BudgetOptions, RestOptions {
  readonly method: 'random';
  /** Tokens in a block. Default 16. */
  readonly size?: number;
  /** Whether every KV head draws for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** Same seed, same lots. Default 0. */
  readonly seed?: number;
}

/** The lower end of every comparison: a method that finds no more than this looks at nothing. */
export const random = (options: RandomOptions): Predictor => {
  onlyKnown('attention', options, ['method', 'size', 'lists', 'seed', 'rest', ...BUDGET_OPTIONS]);
  const size = wholeNumber('attention.size', options.size, SUB_BLOCK, 1, 4096);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const seed = wholeNumber('attention.seed', options.seed, 0, 0);
  const rest = wholeNumber('attention.rest', options.rest, 0, 0);
  const keep = keepOf(options);
  return {
    name: 'random',
    needs: { lists, candidates: false, prefixStable: true },
    signature: `random size=${size} lists=${lists} seed=${seed} ${restSignature(rest)}${keepSignature(keep)}`,
    plan(backend, { layer, tiles }, out) {
      const room = ({ start, end }: PatternTile): number => {
        const from = Math.max(0, start - keep.local);
        return budgetAt(keep, end) - Math.min(keep.sinks, from) - (end - from);
      };
      const read = (tile: PatternTile): Range[] => {
        const { list, start, end } = tile;
        if (budgetAt(keep, end) >= end) return [[0, end]];
        const from = Math.max(0, start - keep.local);
        const forced: Range[] = [
          [0, keep.sinks],
          [from, start],
        ];
        const blocks = Array.from({ length: Math.ceil(from / size) }, (_, block) => ({
          block,
          lot: lot(seed, layer, list, start, block),
        })).sort((a, b) => a.lot - b.lot || a.block - b.block);
        const chosen = blocks.slice(0, Math.max(0, Math.floor((room(tile) - rest) / size)));
        return [...forced, ...chosen.map(({ block }): Range => [block * size, (block + 1) * size])];
      };
      writePattern(backend, out, tiles, read, rest > 0 ? drawRest(rest, room, seed, layer) : undefined);
    },
  };
};
