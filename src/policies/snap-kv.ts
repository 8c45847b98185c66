import { wholeNumber } from '../options.js';
import type { Policy } from './policy.js';
import { checkKept, type KeptOptions, scored } from './scored.js';

/** What the question looks at. */
export interface SnapKvOptions extends KeptOptions {
  readonly policy: 'snap-kv';
  /** Last rows before the answer that are observed. Default 32. */
  readonly rows?: number;
  /** Neighbours that share the greatest of their scores, an odd number. Default 7. */
  readonly pool?: number;
}

/**
 * SnapKV (arXiv 2404.14469 §4): the attention of the last rows of the prompt, pooled so that clusters stay together, says
 * what the answer will need. Once per question; the window itself is kept (`recent`, 32). The paper drops the rest for good;
 * here the next question looks at all of the stored text again.
 */
export const snapKv = (options: SnapKvOptions): Policy => {
  checkKept(options, ['rows', 'pool']);
  const rows = wholeNumber('retention.rows', options.rows, 32, 1, 1024);
  const pool = wholeNumber('retention.pool', options.pool, 7, 1, 255);
  const signature = `rows=${rows} pool=${pool}`;
  return scored(options, { name: 'snap-kv', recent: 32, rows, decay: 1, every: 0, pool, signature });
};
