/**
 * Llama 1 to 3 and what shares their layers (Mistral, TinyLlama, SmolLM2…): arXiv 2302.13971 §2.2, grouped queries as
 * in arXiv 2307.09288 §2.2, rotation factors as in arXiv 2407.21783 §3.2. GGUF files have q and k permuted so that
 * rotated pairs lie side by side. A window in the file is every layer's (Mistral 7B, arXiv 2310.06825 §2).
 */
import { readConfig } from '../model/read-config.js';
import { type Architecture, matrix, optional, vector } from './architecture.js';

export const llama: Architecture = {
  name: 'llama',
  config: (metadata) =>
    readConfig(metadata, 'llama', { pairing: 'adjacent', period: Number.POSITIVE_INFINITY }),
  tensors: ({ vocab, dim, rope }) => ({
    embedding: matrix('token_embd.weight', vocab, dim),
    outputNorm: vector('output_norm.weight', dim),
    output: optional(matrix('output.weight', vocab, dim)),
    ropeFactors: optional(vector('rope_freqs.weight', rope.dim / 2)),
  }),
  layer: ({ dim, hidden, heads, kvHeads, headDim, valueDim }, layer) => {
    const part = (name: string): string => `blk.${layer}.${name}`;
    return {
      attnNorm: vector(part('attn_norm.weight'), dim),
      q: matrix(part('attn_q.weight'), heads * headDim, dim),
      k: matrix(part('attn_k.weight'), kvHeads * headDim, dim),
      v: matrix(part('attn_v.weight'), kvHeads * valueDim, dim),
      o: matrix(part('attn_output.weight'), dim, heads * valueDim),
      qBias: optional(vector(part('attn_q.bias'), heads * headDim)),
      kBias: optional(vector(part('attn_k.bias'), kvHeads * headDim)),
      vBias: optional(vector(part('attn_v.bias'), kvHeads * valueDim)),
      oBias: optional(vector(part('attn_output.bias'), dim)),
      ffnNorm: vector(part('ffn_norm.weight'), dim),
      gate: matrix(part('ffn_gate.weight'), hidden, dim),
      up: matrix(part('ffn_up.weight'), hidden, dim),
      down: matrix(part('ffn_down.weight'), dim, hidden),
      gateBias: optional(vector(part('ffn_gate.bias'), hidden)),
      upBias: optional(vector(part('ffn_up.bias'), hidden)),
      downBias: optional(vector(part('ffn_down.bias'), dim)),
    };
  },
};
