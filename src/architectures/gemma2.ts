/**
 * Gemma 2 (arXiv 2408.00118 §2): norms before and after each block, capped logits, and every other layer slides over
 * the last 4,096 tokens. Norms are stored as 1 + w. The 27B model (46 layers) scales queries by its embedding's width
 * per head, which no file says.
 */
import { readConfig } from '../model/read-config.js';
import { type Architecture, vector } from './architecture.js';
import { llama } from './llama.js';

export const gemma2: Architecture = {
  name: 'gemma2',
  config: (metadata) =>
    readConfig(metadata, 'gemma2', {
      pairing: 'half',
      act: 'gelu',
      scalesEmbedding: true,
      attentionCap: 50,
      logitCap: 30,
      period: 2,
      slidingWindow: 4096,
      queryWidth: ({ layers, dim, heads, headDim }) => (layers === 46 ? Math.floor(dim / heads) : headDim),
    }),
  tensors: llama.tensors,
  layer: (config, layer) => ({
    ...llama.layer(config, layer),
    attnPostNorm: vector(`blk.${layer}.post_attention_norm.weight`, config.dim),
    ffnPostNorm: vector(`blk.${layer}.post_ffw_norm.weight`, config.dim),
  }),
};
