/**
 * Granite 4.0 H without experts (huggingface.co/ibm-granite/granite-4.0-h-350m): most layers have a state (Mamba-2, arXiv
 * 2405.21060 §7), a few attend, mostly without rotation; what embeddings, residuals and logits are multiplied by stands in the
 * file. All layers share Llama's feed-forward part.
 */
import { mixedChannels, TAPS } from '../backends/backend.js';
import { readConfig } from '../model/read-config.js';
import { type Architecture, flat, matrix, stacked, vector } from './architecture.js';
import { llama } from './llama.js';

export const graniteHybrid: Architecture = {
  name: 'granitehybrid',
  config: (metadata) =>
    readConfig(metadata, 'granitehybrid', { pairing: 'adjacent', multipliers: true, recurs: true }),
  tensors: llama.tensors,
  layer: (config, layer) => {
    const own = llama.layer(config, layer);
    if (!config.attention[layer]!.recurs) return own;
    const { heads, headDim } = config.state!;
    const { dim } = config;
    const inner = heads * headDim;
    const channels = mixedChannels(config.state!);
    const part = (name: string): string => `blk.${layer}.ssm_${name}`;
    const [z, mixed, steps] = stacked(part('in.weight'), dim, [inner, channels, heads]);
    const { attnNorm, ffnNorm, gate, up, down } = own;
    return {
      ...{ attnNorm, ffnNorm, gate, up, down, z, mixed, steps },
      conv: flat(part('conv1d.weight'), channels, TAPS),
      convBias: vector(part('conv1d.bias'), channels),
      stepBias: vector(part('dt.bias'), heads),
      decay: flat(part('a'), heads, 1),
      skip: flat(part('d'), heads, 1),
      stateNorm: vector(part('norm.weight'), inner),
      o: matrix(part('out.weight'), dim, inner),
    } as ReturnType<Architecture['layer']>;
  },
};
