/** Qwen2 and Qwen2.5 (arXiv 2407.10671 §2.2): Llama's layers with biases on q, k and v, and rotation by halves. */
import { readConfig } from '../model/read-config.js';
import { type Architecture, vector } from './architecture.js';
import { llama } from './llama.js';

export const qwen2: Architecture = {
  name: 'qwen2',
  config: (metadata) => readConfig(metadata, 'qwen2', { pairing: 'half' }),
  tensors: llama.tensors,
  layer: (config, layer) => ({
    ...llama.layer(config, layer),
    qBias: vector(`blk.${layer}.attn_q.bias`, config.heads * config.headDim),
    kBias: vector(`blk.${layer}.attn_k.bias`, config.kvHeads * config.headDim),
    vBias: vector(`blk.${layer}.attn_v.bias`, config.kvHeads * config.valueDim),
  }),
};
