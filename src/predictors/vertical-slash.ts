import { tileCount, tileStart } from '../backends/backend.js';
import { oneOf, onlyKnown, wholeNumber } from '../options.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { lineScores, observedLines } from './lines.js';
import type { Needs, Predictor } from './predictor.js';
import { type AnswersOptions, answererOf, READINGS, readingAndAnswers } from './reading-and-answers.js';
import { writeBlocks } from './write-blocks.js';

/** Columns and diagonals of attention, as a few rows show them. */
export interface VerticalSlashOptions extends BudgetOptions, AnswersOptions {
  readonly method: 'vertical-slash';
  /** Whether every KV head chooses for itself. Default `kv-head`. */
  readonly lists?: Needs['lists'];
  /** Last rows of a tile that are looked at, of 64. Default 16. */
  readonly rows?: number;
  /** How many of the heaviest columns count, and how many diagonals. Default 1024, as the release of DHSA has it. */
  readonly lines?: number;
  /** Tokens in a block. Default 32. */
  readonly size?: number;
}

/**
 * Vertical-slash (MInference, arXiv 2407.02490 §3.2) as the second release of DHSA has it (arXiv 2510.24606): the exact
 * attention of a few rows is summed by column and by diagonal, both are laid over the blocks of the tile's keys, and the
 * heaviest blocks are read. Where we leave both: a tile is judged by its own last rows instead of the text's; diagonals
 * count for a block by what of them crosses it.
 */
export const verticalSlash = (options: VerticalSlashOptions): Predictor => {
  onlyKnown('attention', options, [
    ...['method', 'lists', 'rows', 'lines', 'size', 'answers'],
    ...BUDGET_OPTIONS,
  ]);
  const lists = oneOf('attention.lists', options.lists, 'kv-head', ['kv-head', 'layer']);
  const rows = wholeNumber('attention.rows', options.rows, 16, 1, 64);
  const lines = wholeNumber('attention.lines', options.lines, 1024, 1);
  const size = wholeNumber('attention.size', options.size, 32, 1, 4096);
  const keep = keepOf(options);
  const reading: Predictor = {
    name: 'vertical-slash',
    needs: { lists, candidates: true, wholeContext: true, host: true, prefixStable: true },
    signature: `vertical-slash lists=${lists} rows=${rows} lines=${lines} size=${size} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles } = input;
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const sums = observedLines(backend, input, rows, out.lists);
      writeBlocks(backend, out, tiles, { keep, size }, (list, tile, from) =>
        lineScores(sums[list * tileCount(tiles) + tile]!, lines, size, from, tileStart(tiles, tile)),
      );
    },
  };
  const answers = oneOf('attention.answers', options.answers, 'dense', READINGS);
  return readingAndAnswers(reading, answererOf(answers, { ...keep, lists }), reading);
};
