/** Qwen3 (arXiv 2505.09388 §2): Llama's layers with a norm on every query and key head, and rotation by halves. */
import { readConfig } from '../model/read-config.js';
import { type Architecture, vector } from './architecture.js';
import { llama } from './llama.js';

export const qwen3: Architecture = {
  name: 'qwen3',
  config: (metadata) => readConfig(metadata, 'qwen3', { pairing: 'half' }),
  tensors: llama.tensors,
  layer: (config, layer) => ({
    ...llama.layer(config, layer),
    qNorm: vector(`blk.${layer}.attn_q_norm.weight`, config.headDim),
    kNorm: vector(`blk.${layer}.attn_k_norm.weight`, config.headDim),
  }),
};
