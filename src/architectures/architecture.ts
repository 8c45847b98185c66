import type { ModelConfig } from '../model/config.js';
import type { Metadata } from '../weights/gguf.js';

/** The tensors of a layer under the names the forward pass uses. */
export type LayerTensor =
  | 'attnNorm'
  | 'q'
  | 'k'
  | 'v'
  | 'o'
  | 'qBias'
  | 'kBias'
  | 'vBias'
  | 'qNorm'
  | 'kNorm'
  | 'ffnNorm'
  | 'gate'
  | 'up'
  | 'down';

/** The tensors of a model outside its layers. `ropeFactors` are divisors of the rotation frequencies, (1, rope.dim / 2). */
export type ModelTensor = 'embedding' | 'outputNorm' | 'output' | 'ropeFactors';

/** One tensor an architecture expects: its name in the file, its shape (rows, cols), and whether it may be missing. */
export interface TensorSpec {
  readonly name: string;
  readonly rows: number;
  readonly cols: number;
  readonly optional?: true;
}

/** An architecture is data: how to read its numbers and what its tensors are called. */
export interface Architecture {
  /** `general.architecture` of the files it reads. */
  readonly name: string;
  config(metadata: Metadata): ModelConfig;
  /** Tensors outside the layers. A missing `output` means the embedding is tied. */
  tensors(config: ModelConfig): Readonly<Partial<Record<ModelTensor, TensorSpec>>>;
  layer(config: ModelConfig, layer: number): Readonly<Partial<Record<LayerTensor, TensorSpec>>>;
}
