import { LonghandError } from '../errors.js';
import { oneOf } from '../options.js';
import { createFingerprint } from '../weights/fingerprint.js';
import { parseSafetensors } from '../weights/safetensors.js';
import { evictedMass } from './evicted-mass.js';
import { less } from './less.js';
import { readKernels } from './less-kernels.js';
import type { PolicyNeeds } from './policy.js';

/** What becomes of dropped tokens. */
export interface EvictedOptions {
  /**
   * What becomes of the others: `drop` (default), or they go on weighing in attention. `mean`: of every 16 tokens those that go
   * stand as one, with the mean of their keys and of their values, and weigh as many as they are. `less`: by trained kernels, all of
   * them in one small state (LESS, arXiv 2402.09398). All pages stay in memory with either.
   */
  readonly evicted?: 'drop' | 'mean' | 'less';
  /** Of `less`: the address of a safetensors file with the kernels of every layer (docs/METHODS.md), or its bytes. */
  readonly kernels?: string | Uint8Array | ArrayBuffer;
}

const OPTION = 'retention.kernels';

/** What options make of attention, and what signatures call it. Files are bytes by now (`openPolicy`). */
export const evictedOf = ({
  evicted,
  kernels,
}: EvictedOptions): { readonly signature: string; readonly amends?: NonNullable<PolicyNeeds['amends']> } => {
  const signature = oneOf('retention.evicted', evicted, 'drop', ['drop', 'mean', 'less']);
  if (signature !== 'less') {
    if (kernels !== undefined)
      throw new LonghandError(
        'input/option',
        `${OPTION} are for evicted: 'less', and retention.evicted is '${signature}'. Leave them out, or ask for that.`,
        { option: OPTION },
      );
    return { signature, ...(signature === 'mean' && { amends: evictedMass }) };
  }
  if (!(kernels instanceof ArrayBuffer || ArrayBuffer.isView(kernels)))
    throw new LonghandError(
      'input/option',
      `evicted: 'less' needs ${OPTION}, and they cannot be ${String(kernels)}. Use the address of a safetensors file, or its bytes.`,
      { option: OPTION },
    );
  const bytes = kernels instanceof ArrayBuffer ? new Uint8Array(kernels) : kernels;
  const fingerprint = createFingerprint();
  fingerprint.add(bytes);
  return {
    signature: `less ${fingerprint.digest()}`,
    amends: less(readKernels(parseSafetensors(bytes, OPTION), OPTION)),
  };
};
