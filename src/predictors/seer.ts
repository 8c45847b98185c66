import { type Keep, PAGE, tileCount, tileEnd, tileStart } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import { numberBetween, oneOf, onlyKnown } from '../options.js';
import { readBytes } from '../weights/read-bytes.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { BUDGET_OPTIONS, type BudgetOptions, EVERYTHING, fits, keepOf, keepSignature } from './budget.js';
import { fingerprintOf } from './fingerprint-of.js';
import type { Predictor } from './predictor.js';
import { answererOf, READINGS, readerOf, readingAndAnswers } from './reading-and-answers.js';
import { checkFits, type Gates, gateKeys, gateQuery, hasGates, readGates } from './seer-gates.js';
import { seerNotes } from './seer-notes.js';
import { readRowGates } from './seer-row-gates.js';
import { seerRows } from './seer-rows.js';
import { softmax } from './softmax.js';
import { turnBack } from './turn-back.js';
import { writeBlocks } from './write-blocks.js';

const ANSWERS = [...READINGS, 'gates'] as const;
const SOURCES = ['dense', 'gates'] as const;

/** Blocks by gates that were trained for the model. */
export interface SeerOptions extends BudgetOptions {
  readonly method: 'seer';
  /**
   * The address of a safetensors file with the gates of every layer (docs/METHODS.md), or its bytes: for tiles of a text, for
   * single rows, or both.
   */
  readonly gates: string | Uint8Array | ArrayBuffer;
  /**
   * A text reads what the file's gates for tiles choose (`gates`, the default where it has them), or everything (`dense`, the
   * default where it has not).
   */
  readonly reading?: (typeof SOURCES)[number];
  /**
   * Rows of questions and answers read what the file's gates for single rows choose (`gates`, the default where it has them),
   * everything (`dense`, the default where it has not), or what `dhsa` chooses, all with the same budget.
   */
  readonly answers?: (typeof ANSWERS)[number];
  /**
   * Rows with gates read every block whose share of their gate's softmax is above this, between 0 and 1, in place of those that
   * a budget has room for. Default: the budget.
   */
  readonly threshold?: number;
}

/** (heads) of (dim): the mean query of a tile's rows, before rotation. */
const meansOf = (queries: Float32Array, first: number, rows: number, heads: number, dim: number) =>
  Array.from({ length: heads }, (_, head) => {
    const mean = new Float32Array(dim);
    for (let row = first; row < first + rows; row++) {
      for (let c = 0; c < dim; c++) mean[c] = mean[c]! + queries[(row * heads + head) * dim + c]! / rows;
    }
    return mean;
  });

/**
 * SeerAttention (arXiv 2410.13276 §3): trained linear maps of a tile's mean query and of the greatest, least and mean key of a block,
 * before rotation, turned by block instead; the softmax of their products says which blocks of 64 the tile reads. Where we leave
 * the paper: queries and stored keys are turned back; the heads of a group sum their softmaxed gates and share a list;
 * a budget in place of a threshold.
 */
const seerTiles = (gates: Gates, keep: Keep, fingerprint: string): Predictor => {
  const { heads, kvHeads, dim } = gates;
  const notesOf = seerNotes(gates, gateKeys);
  return {
    name: 'seer',
    needs: { lists: 'kv-head', candidates: false, wholeContext: true, host: true, prefixStable: true },
    signature: `seer ${fingerprint} ${keepSignature(keep)}`,
    plan(backend, input, out) {
      const { tiles, q, kv, layer, turned } = input;
      checkFits(gates, input);
      if (fits(keep, tiles.position + tiles.rows)) return backend.select(out, tiles, EVERYTHING);
      const queries = backend.peek!(q).slice();
      turnBack(queries, dim, heads, tiles.position, turned);
      const pages = Math.floor(tileStart(tiles, tileCount(tiles) - 1) / PAGE);
      const noted = Array.from({ length: pages }, (_, page) => notesOf(input).of(backend, kv, page));
      const asked = Array.from({ length: tileCount(tiles) }, (_, tile) => {
        const start = tileStart(tiles, tile);
        const means = meansOf(queries, start - tiles.position, tileEnd(tiles, tile) - start, heads, dim);
        return means.map((mean, head) => gateQuery(gates, layer, head, mean, Math.floor(start / PAGE)));
      });
      writeBlocks(backend, out, tiles, { keep, size: PAGE }, (list, tile, from) => {
        const scores = new Float32Array(from / PAGE);
        const group = heads / kvHeads;
        for (let head = list * group; head < (list + 1) * group; head++) {
          const query = asked[tile]![head]!;
          const logits = scores.map(
            (_, page) =>
              noted[page]![list]!.reduce((sum, x, g) => sum + x * query[g]!, 0) / Math.sqrt(gates.gate),
          );
          softmax(logits).forEach((share, page) => {
            scores[page] = scores[page]! + share;
          });
        }
        return scores;
      });
    },
  };
};

/** Throws `input/option` for an option that asks for gates which a file has not. */
const refuse = (option: 'reading' | 'answers', label: string, has: string, without: string): never => {
  throw new LonghandError(
    'input/option',
    `attention.${option} is 'gates', and ${label} has gates for ${has} only. Leave it out, or give a file with gates for ${without}.`,
    { option: `attention.${option}` },
  );
};

/**
 * Blocks by the gates of a file: SeerAttention's for tiles of a text, SeerAttention-R's (seer-rows.ts) for single rows, whichever it
 * has. Throws `model/corrupt` where it has neither, and `input/option` where gates are asked for that it has not.
 */
export const seer = async ({ gates: address, ...options }: SeerOptions): Promise<Predictor> => {
  onlyKnown('attention', options, ['method', 'reading', 'answers', 'threshold', ...BUDGET_OPTIONS]);
  const keep = keepOf(options);
  const [bytes, label] = await readBytes('attention.gates', address);
  const file = parseSafetensors(bytes, label);
  const [tiles, rows] = [hasGates(file, 'q') || !hasGates(file, 'row.q'), hasGates(file, 'row.q')];
  const reading = oneOf('attention.reading', options.reading, tiles ? 'gates' : 'dense', SOURCES);
  const answers = oneOf('attention.answers', options.answers, rows ? 'gates' : 'dense', ANSWERS);
  if (reading === 'gates' && !tiles) refuse('reading', label, 'single rows', 'tiles');
  if (answers === 'gates' && !rows) refuse('answers', label, 'tiles', 'single rows');
  const threshold =
    options.threshold === undefined
      ? undefined
      : numberBetween('attention.threshold', options.threshold, 0, 0, 1);
  if (threshold !== undefined && answers !== 'gates')
    throw new LonghandError(
      'input/option',
      `attention.threshold is for rows with gates, and attention.answers is '${answers}'. Leave it out, or give a file with gates for single rows and answers: 'gates'.`,
      { option: 'attention.threshold' },
    );
  const fingerprint = await fingerprintOf(bytes);
  const text =
    reading === 'gates' ? seerTiles(readGates(file, label), keep, fingerprint) : readerOf('dense', {});
  const answering =
    answers === 'gates'
      ? seerRows(readRowGates(file, label), keep, fingerprint, threshold)
      : answererOf(answers, { ...keep, lists: 'kv-head' });
  return { ...readingAndAnswers(text, answering, reading === 'gates' ? text : answering), name: 'seer' };
};
