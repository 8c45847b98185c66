import { PAGE } from '../backends/backend.js';
import type { Codec } from './codec.js';

/** Channels that share a scale and a minimum in q4 and q2. */
export const GROUP = 32;

const whole = (bytes: number): number => Math.ceil(bytes / 16) * 16;

/** Of PAGE vectors: codes of `bits` bits, and the scales and minima of their groups. */
const groups =
  (bits: number) =>
  (dim: number): number =>
    whole((PAGE * dim * bits) / 8 + PAGE * 4 * Math.ceil(dim / GROUP));

/** What is known of a codec without encoding anything: kernels do that, and most programs need no more. */
export const codecSizes: Readonly<Record<Codec['name'], Pick<Codec, 'version' | 'bytes'>>> = {
  f16: { version: 1, bytes: (dim) => whole(PAGE * dim * 2) },
  q8: { version: 1, bytes: (dim) => whole(PAGE * dim + PAGE * 2) },
  q4: { version: 1, bytes: groups(4) },
  q2: { version: 1, bytes: groups(2) },
};
