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
  /** Channels of a query and key head. */
  readonly headDim: number;
  /** Channels of a value head. */
  readonly valueDim: number;
  readonly vocab: number;
  /** Tokens the model was trained to read. */
  readonly window: number;
  readonly eps: number;
  readonly act: 'silu' | 'gelu';
  readonly rope: {
    readonly base: number;
    /** Channels that are rotated; the rest of a head passes. */
    readonly dim: number;
    readonly pairing: 'half' | 'adjacent';
    /** Divisors of the rotation frequencies, (dim / 2), from the file. */
    readonly factors?: Float32Array;
  };
  /** Multiplies q·k; 1/√headDim unless the file says otherwise. */
  readonly attentionScale: number;
}
