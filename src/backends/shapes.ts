import { LonghandError } from '../errors.js';
import { type HeadRouting, MOST_ROUTED, MOST_TOP } from './backend.js';
import { ROW_FORMATS, type WeightType } from './row-formats.js';
import type { Tensor, Weight } from './tensor.js';

export const shape = ({ label, rows, cols }: Tensor | Weight): string => `${label} (${rows} × ${cols})`;

/**
 * Kernels trust their arguments, so every shape is checked before. Verbs that a row of an answer calls by the dozen ask first,
 * and only where something is wrong: what is told would be gathered at every call.
 */
export const demand = (fits: boolean, verb: string, ...things: (Tensor | Weight)[]): void => {
  if (fits) return;
  const shapes = things.map(shape).join(', ');
  throw new LonghandError('internal', `${verb} got shapes that do not fit: ${shapes}. Please report this.`);
};

export const isVector = (weight: Weight, cols: number): boolean =>
  weight.type === 'F32' && weight.rows === 1 && weight.cols === cols;

/** What `topLogits` writes. */
export const isTop = ({ rows, cols }: Tensor): boolean => cols === 2 && rows > 1 && rows <= MOST_TOP + 1;

/** Numbers in a tensor. */
export const size = ({ rows, cols }: Tensor): number => rows * cols;

/** Whether `route` can take them. */
export const isRouted = (out: Tensor, scores: Tensor, { heads, shared, used }: HeadRouting): boolean =>
  heads <= MOST_ROUTED &&
  used > 0 &&
  shared + used <= heads &&
  out.rows === scores.rows &&
  out.cols % (heads * 4) === 0 &&
  (scores.cols > heads + 2 ? scores.cols % heads === 0 : scores.cols === heads + (shared > 0 ? 2 : 0));

/** Rows of a weight are whole blocks. Throws `unsupported/tensor-type`. */
export const checkColumns = (label: string, type: WeightType, cols: number): void => {
  const { inputs } = ROW_FORMATS[type];
  if (cols % inputs === 0) return;
  throw new LonghandError(
    'unsupported/tensor-type',
    `${label} is ${type} with ${cols} columns; ${type} needs a multiple of ${inputs}. Convert this tensor to F16.`,
    { label, type, cols },
  );
};
