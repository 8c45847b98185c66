import { LonghandError } from '../errors.js';
import { numberBetween, onlyKnown, wholeNumber } from '../options.js';
import { calibrated } from './calibrated.js';
import type { Policy } from './policy.js';
import { QUESTION_ROWS } from './scored.js';

/** Everything is kept; what gathers attention without saying anything weighs less. */
export interface ActOptions {
  readonly policy: 'act';
  /** What such a token goes on weighing of what it weighed, 0 to 1. Default 0.4; 1 changes nothing. */
  readonly beta?: number;
  /** Mean attention of the question's rows above which a token is such a one, 0 to 1. Default 0.1. */
  readonly threshold?: number;
  /** Rows of the question, its last ones, that say so. Default 256. */
  readonly rows?: number;
  /**
   * Which heads are calibrated: heads[layer][KV head], layers that are read whole. The paper tries one head after the other and
   * takes those that help. Default: all of the third layer and of those above it.
   */
  readonly heads?: readonly (readonly boolean[])[];
}

/** Layers below are left as they are, as in the paper. */
const FIRST_LAYER = 2;

const wrongTable = (found: string, wanted: string): LonghandError =>
  new LonghandError(
    'input/option',
    `retention.heads has ${found}; this model has ${wanted}. Give true or false for each KV head of each layer that is read whole, or leave it out.`,
    { option: 'retention.heads' },
  );

/**
 * ACT (arXiv 2406.15765 §4): tokens behind the first that gather more than their share of attention, hidden sinks, keep β of
 * it; what they lose goes to the others of the row, in proportion. The paper finds them by the rows of a prompt and changes these. Here they are
 * found by the question's rows, of the heads that share keys together, and the rows of the answer change: the text's are read
 * once, for all questions. So the first token of an answer, which the question's last row foretells, is as it was.
 */
export const act = (options: ActOptions): Policy => {
  onlyKnown('retention', options, ['policy', 'beta', 'threshold', 'rows', 'heads']);
  const beta = numberBetween('retention.beta', options.beta, 0.4, 0, 1);
  const threshold = numberBetween('retention.threshold', options.threshold, 0.1, 0, 1);
  const rows = wholeNumber('retention.rows', options.rows, QUESTION_ROWS, 1, 1024);
  const { heads } = options;
  const isTable = (table: unknown): boolean =>
    Array.isArray(table) &&
    table.every((own) => Array.isArray(own) && own.every((one) => typeof one === 'boolean'));
  if (heads !== undefined && !isTable(heads)) throw wrongTable('something else', 'layers of KV heads');
  const shown = heads?.map((own) => own.map(Number).join('')).join(' ') ?? 'all';
  return {
    name: 'act',
    needs: {
      ...{ reading: false, rows, decay: 1, every: 0, values: false },
      amends: (parts) => {
        const isCalibrated = (layer: number, head: number): boolean =>
          heads ? heads[layer]![head]! : layer >= FIRST_LAYER;
        return calibrated(parts, { beta, threshold, isCalibrated });
      },
    },
    signature: `act beta=${beta} threshold=${threshold} rows=${rows} heads=${shown}`,
    check(wanted) {
      if (!heads) return;
      const [found, own] = [heads.map((layer) => layer.length), wanted].map((all) => all.join(' + '));
      if (found !== own) throw wrongTable(`${found} heads`, `${own}`);
    },
    keep: ({ tokens, scores }) => scores.map((own) => own.map(() => [[0, tokens]])),
  };
};
