import type { WeightType } from './row-formats.js';

/** A row-major f32 matrix on the device, or a view of one. Contents are undefined until a verb writes them. */
export interface Tensor {
  readonly label: string;
  readonly rows: number;
  readonly cols: number;
}

/** A weight matrix (rows = outputs, cols = inputs) in whatever layout the backend's kernels like best. */
export interface Weight {
  readonly label: string;
  readonly type: WeightType;
  readonly rows: number;
  readonly cols: number;
}
