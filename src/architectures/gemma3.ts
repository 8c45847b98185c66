/**
 * Gemma 3, its text part (arXiv 2503.19786 §2): Gemma 2's layers with norms on query and key heads instead of caps.
 * Five of six layers slide; they turn by a base of 10,000, the others by 1,000,000, scaled for the larger models. The
 * 27B model (62 layers) scales queries as Gemma 2's does.
 */
import { readConfig } from '../model/read-config.js';
import { type Architecture, vector } from './architecture.js';
import { gemma2 } from './gemma2.js';

export const gemma3: Architecture = {
  name: 'gemma3',
  config: (metadata) =>
    readConfig(metadata, 'gemma3', {
      pairing: 'half',
      act: 'gelu',
      scalesEmbedding: true,
      period: 6,
      localBase: 10_000,
      queryWidth: ({ layers, dim, heads, headDim }) => (layers === 62 ? Math.floor(dim / heads) : headDim),
    }),
  tensors: gemma2.tensors,
  layer: (config, layer) => ({
    ...gemma2.layer(config, layer),
    qNorm: vector(`blk.${layer}.attn_q_norm.weight`, config.headDim),
    kNorm: vector(`blk.${layer}.attn_k_norm.weight`, config.headDim),
  }),
};
