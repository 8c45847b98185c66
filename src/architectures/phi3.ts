/**
 * Phi-3, Phi-3.5, Phi-4 and Phi-4-mini (arXiv 2404.14219 §2, 2503.01743 §2): Llama's layers with q, k, v in one tensor
 * and gate, up in another, some turning only a part of each head, and LongRoPE's two sets of factors (arXiv 2402.13753).
 * Windows in files are left unread, as llama.cpp leaves them: converters write them for models that read everything.
 */
import { readConfig } from '../model/read-config.js';
import { type Architecture, optional, stacked, type TensorSpec, vector } from './architecture.js';
import { llama } from './llama.js';

export const phi3: Architecture = {
  name: 'phi3',
  config: (metadata) =>
    readConfig(metadata, 'phi3', { pairing: 'half', ignoresWindows: true, longFactors: true }),
  tensors: (config) => {
    const { embedding, outputNorm, output } = llama.tensors(config);
    const { dim, original } = config.rope;
    const factors = (name: string): TensorSpec =>
      original < config.window ? vector(name, dim / 2) : optional(vector(name, dim / 2));
    return {
      embedding,
      outputNorm,
      output,
      ropeShort: factors('rope_factors_short.weight'),
      ropeLong: factors('rope_factors_long.weight'),
    } as ReturnType<Architecture['tensors']>;
  },
  layer: (config, layer) => {
    const { dim, hidden, heads, kvHeads, headDim, valueDim } = config;
    const { attnNorm, o, ffnNorm, down } = llama.layer(config, layer);
    const rows = [heads * headDim, kvHeads * headDim, kvHeads * valueDim];
    const [q, k, v] = stacked(`blk.${layer}.attn_qkv.weight`, dim, rows);
    const [gate, up] = stacked(`blk.${layer}.ffn_up.weight`, dim, [hidden, hidden]);
    return { attnNorm, q, k, v, o, ffnNorm, gate, up, down } as ReturnType<Architecture['layer']>;
  },
};
