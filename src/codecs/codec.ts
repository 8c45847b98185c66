/**
 * The bytes of one head's share of a page: PAGE vectors of `dim` channels. All codes come first, [token][channel],
 * then all scales. Tokens are encoded one by one when appended, so what a query reads never depends on when a page
 * became full. This is the plain definition; the kernels agree with it or fail.
 */
export interface Codec {
  readonly name: 'f16' | 'q8' | 'q4' | 'q2';
  /** Raised whenever the bytes change meaning; part of every stored key. */
  readonly version: number;
  /** Bytes of PAGE vectors; a multiple of 16. */
  bytes(dim: number): number;
  /** Encode `vector` (dim) as token `token` of the block. */
  encode(block: Uint8Array, dim: number, token: number, vector: Float32Array): void;
  /** Decode token `token` of the block into `out` (dim). */
  decode(block: Uint8Array, dim: number, token: number, out: Float32Array): void;
}
