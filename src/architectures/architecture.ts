import type { ModelConfig } from '../model/config.js';
import type { Metadata } from '../weights/gguf.js';

/** The products of a layer with matrices. */
export type Projection = 'q' | 'k' | 'v' | 'o' | 'gate' | 'up' | 'down';

/**
 * The tensors of a layer under the names the forward pass uses; those that end in Norm, Bias or Low may be missing,
 * and `router`. Where there is a Low, its projection is two matrices: Low is what its input meets first.
 */
export type LayerTensor =
  | Projection
  | `${Projection}Bias`
  | `${Projection}Low`
  | 'attnNorm'
  | 'qNorm'
  | 'kNorm'
  | 'router'
  | 'attnPostNorm'
  | 'ffnNorm'
  | 'ffnPostNorm'
  | 'z'
  | 'mixed'
  | 'steps'
  | 'conv'
  | 'convBias'
  | 'stepBias'
  | 'decay'
  | 'skip'
  | 'stateNorm';

/**
 * The tensors of a model outside its layers. The last three are divisors of the rotation frequencies, (1, rope.dim / 2):
 * always, for windows as the model was first trained with, and for longer ones.
 */
export type ModelTensor = 'embedding' | 'outputNorm' | 'output' | 'ropeFactors' | 'ropeShort' | 'ropeLong';

/** One tensor an architecture expects: its name in the file, its shape (rows, cols), and whether it may be missing. */
export interface TensorSpec {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly optional?: true;
  /** Where several weights are stored as one tensor of `of` rows: the first row of this one. */
  readonly part?: { readonly from: number; readonly of: number };
  /** The shape it is stored in, where that is another one for the same numbers. */
  readonly stored?: { readonly rows: number; readonly cols: number };
  /** Every run of `each` rows (of a vector: numbers) is there once in the file and stands `times` times in the weight. */
  readonly repeat?: { readonly each: number; readonly times: number };
}

export const matrix = (name: string, rows: number, cols: number): TensorSpec => ({ name, rows, cols });
export const vector = (name: string, cols: number): TensorSpec => ({ name, rows: 1, cols });
/** A matrix of the file that is one vector here, row by row. */
export const flat = (name: string, rows: number, cols: number): TensorSpec => ({
  ...vector(name, rows * cols),
  stored: { rows, cols },
});
export const optional = (spec: TensorSpec): TensorSpec => ({ ...spec, optional: true });

/** Weights with these counts of rows, one below the other in one tensor. */
export const stacked = (name: string, cols: number, rows: readonly number[]): TensorSpec[] => {
  const of = rows.reduce((sum, count) => sum + count, 0);
  let from = 0;
  return rows.map((count) => {
    const spec: TensorSpec = { name, rows: count, cols, part: { from, of } };
    from += count;
    return spec;
  });
};

/** An architecture is data: how to read its numbers and what its tensors are called. */
export interface Architecture {
  /** `general.architecture` of the files it reads. */
  readonly name: string;
  config(metadata: Metadata): ModelConfig;
  /** Tensors outside the layers. A missing `output` means the embedding is tied. */
  tensors(config: ModelConfig): Readonly<Partial<Record<ModelTensor, TensorSpec>>>;
  layer(config: ModelConfig, layer: number): Readonly<Partial<Record<LayerTensor, TensorSpec>>>;
}
