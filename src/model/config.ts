import type { StateShape } from '../backends/backend.js';

/** One way of turning q and k by their position. */
export interface Rotation {
  readonly base: number;
  /** Divisors of the frequencies, (rope.dim / 2): what stretches a model to a longer window. Default: 1 each. */
  readonly factors?: ArrayLike<number>;
  /** Multiplies cosines and sines. Default 1. */
  readonly magnitude?: number;
}

/** How one layer attends. */
export interface LayerAttention {
  /** It has a state instead of keys and values (`ModelConfig.state`); the rest then means nothing. */
  readonly recurs?: true;
  /** A row at position p reads only keys in (p − window, p]. Missing: all that its plan names. */
  readonly window?: number;
  /** Index into `rope.rotations`. Missing: q and k are not turned. */
  readonly rotation?: number;
}

/** Keys of fewer channels than the model's. */
export interface NarrowedKeyShape {
  readonly channels: number;
  /** Of every layer that keeps so many: pairs of the rotation that are left, ascending. Others keep all. */
  readonly pairs: readonly (readonly number[] | undefined)[];
}

/** The numbers of a decoder, read from a model file. Words are those of the field; all counts are plain integers. */
export interface ModelConfig {
  readonly architecture: string;
  readonly name: string;
  /** Width of the residual stream. */
  readonly dim: number;
  /** Width of the feed-forward layer. */
  readonly hidden: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Channels between the two matrices of a projection that is two, at most. Missing or 0: each is one. */
  readonly rank?: number;
  /** Heads that every row uses, the first ones, and how many it chooses of the others. Missing: all are used. */
  readonly routing?: { readonly shared: number; readonly used: number };
  /** Channels of a query and key head. */
  readonly headDim: number;
  /** What layers keep of their keys, where that is less. Missing: all `headDim` channels. */
  readonly narrowedKeys?: NarrowedKeyShape;
  /** Channels of a value head. */
  readonly valueDim: number;
  readonly vocab: number;
  /** Tokens the model was trained to read. */
  readonly window: number;
  readonly eps: number;
  readonly act: 'silu' | 'gelu';
  /** Multiplies the rows of the embedding; 1 unless the architecture says otherwise. */
  readonly embeddingScale: number;
  /** Multiplies what a layer adds to the residual stream. Missing: 1. */
  readonly residualScale?: number;
  /** Multiplies the logits of the vocabulary. Missing: 1. */
  readonly logitScale?: number;
  readonly rope: {
    /** Channels that are rotated; the rest of a head passes. */
    readonly dim: number;
    readonly pairing: 'half' | 'adjacent';
    /** One, or two: for the layers that read everything, and for those that slide. */
    readonly rotations: readonly Rotation[];
    /** Tokens of the window before it was stretched: up to there a file's short factors hold, beyond its long ones. */
    readonly original: number;
  };
  /** Multiplies q·k; 1/√headDim unless the file or the architecture says otherwise. */
  readonly attentionScale: number;
  /** Logits l of attention become cap · tanh(l / cap). Missing: they stay. */
  readonly attentionCap?: number;
  /** The same for the logits of the vocabulary. */
  readonly logitCap?: number;
  /** What layers remember that have a state. Missing: none has. */
  readonly state?: StateShape;
  /** What differs from layer to layer, (layers). */
  readonly attention: readonly LayerAttention[];
}

/** Channels of a key of a layer as its pages keep it. */
export const keyDimOf = ({ headDim, narrowedKeys }: ModelConfig, layer: number): number =>
  narrowedKeys?.pairs[layer] ? narrowedKeys.channels : headDim;
