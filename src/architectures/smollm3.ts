/**
 * SmolLM3 (huggingface.co/blog/smollm3): Llama's layers, of which every fourth keeps no position ("RoPE to NoRoPE and
 * back", arXiv 2501.18795).
 */
import { readConfig } from '../model/read-config.js';
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';

export const smollm3: Architecture = {
  name: 'smollm3',
  config: (metadata) => readConfig(metadata, 'smollm3', { pairing: 'adjacent', unturned: 4 }),
  tensors: llama.tensors,
  layer: llama.layer,
};
