import type { BudgetOptions } from './budget.js';
import type { Needs } from './predictor.js';

/** How many rows may share a choice. */
export const REUSES = [1, 2, 4, 8, 16, 32] as const;
type Reuse = (typeof REUSES)[number];
/** How many rows may share candidates: no more than a run of keys has, so that none can become known between them. */
export const REFRESHES = [1, 2, 4, 8, 16] as const;
type Refresh = (typeof REFRESHES)[number];

/** Chunks found in the text itself, chosen in two stages. */
export interface DhsaOptions extends BudgetOptions {
  readonly method: 'dhsa';
  /**
   * Where a chunk ends. `contrast` (default): where the keys change direction. `delimiters`: after sentences and lines.
   * `fixed`: every 32 tokens. `learned`: where a network says so that was trained for the model; needs `predictor` and a CPU.
   */
  readonly boundaries?: 'contrast' | 'delimiters' | 'fixed' | 'learned';
  /** The network of `learned`: the address of a safetensors file (examples/models/train/boundaries.py), or its bytes. */
  readonly predictor?: string | Uint8Array | ArrayBuffer;
  /** `learned`: gaps with a logit above this are boundaries. Default: what the file names, or 1.1, as in the paper's code. */
  readonly threshold?: number;
  /** Whether every KV head chooses for itself (default `kv-head`), or one choice serves the layer. */
  readonly lists?: Needs['lists'];
  /**
   * Answers: how many times the budget the first stage hands to the second. Default 2. More are slower, and find hardly
   * more: docs/METHODS.md.
   */
  readonly candidates?: number;
  /**
   * Questions and answers: rows that share a choice, made by the first of them; the others add themselves. 1 (default), 2,
   * 4, 8, 16 or 32, aligned to absolute positions, as Recycled Attention and TokenSelect do (arXiv 2411.05787, 2411.02886).
   */
  readonly reuse?: Reuse;
  /**
   * Questions and answers: rows that share candidates, named by the first of them; each chooses for itself among those. 1
   * (default), 2, 4, 8 or 16, aligned to absolute positions; only 1 beside `reuse` or `exact`. More find fewer facts:
   * docs/METHODS.md.
   */
  readonly refresh?: Refresh;
  /** Answers: let the second stage look at the candidates' keys themselves: the yardstick, and slow. Default false. */
  readonly exact?: boolean;
}
