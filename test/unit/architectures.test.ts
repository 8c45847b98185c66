import { describe, expect, test } from 'vitest';
import { architectureOf, architectures } from '../../src/architectures/index.js';
import type { ModelConfig } from '../../src/model/config.js';
import type { Metadata } from '../../src/weights/gguf.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { arrayField, type Field, field, writeGguf } from '../support/gguf-writer.js';

const read = async (metadata: Record<string, Field>): Promise<Metadata> =>
  (await openGguf(openSource(writeGguf({ metadata, tensors: [] })))).metadata;

const numbers = (arch: string): Record<string, Field> => ({
  'general.architecture': field('string', arch),
  [`${arch}.context_length`]: field('u32', 8192),
  [`${arch}.embedding_length`]: field('u32', 128),
  [`${arch}.block_count`]: field('u32', 2),
  [`${arch}.feed_forward_length`]: field('u32', 320),
  [`${arch}.attention.head_count`]: field('u32', 4),
  [`${arch}.attention.layer_norm_rms_epsilon`]: field('f32', 1e-5),
  'tokenizer.ggml.tokens': arrayField('string', ['a', 'b', 'c']),
});
const configOf = async (arch: string, more: Record<string, Field> = {}): Promise<ModelConfig> => {
  const metadata = await read({ ...numbers(arch), ...more });
  return architectureOf(metadata).config(metadata);
};

describe('numbers', () => {
  test('defaults of llama', async () => {
    expect(await configOf('llama')).toEqual({
      architecture: 'llama',
      name: 'llama',
      dim: 128,
      hidden: 320,
      layers: 2,
      heads: 4,
      kvHeads: 4,
      headDim: 32,
      valueDim: 32,
      vocab: 3,
      window: 8192,
      eps: Math.fround(1e-5),
      act: 'silu',
      rope: { base: 10_000, dim: 32, pairing: 'adjacent' },
      attentionScale: 1 / Math.sqrt(32),
    });
  });

  test('what a file says wins', async () => {
    const config = await configOf('qwen3', {
      'general.name': field('string', 'Some model'),
      'qwen3.attention.head_count_kv': field('u32', 2),
      'qwen3.attention.key_length': field('u32', 64),
      'qwen3.attention.value_length': field('u32', 48),
      'qwen3.rope.dimension_count': field('u32', 16),
      'qwen3.rope.freq_base': field('f32', 1e6),
      'qwen3.attention.scale': field('f32', 0.25),
    });
    expect(config).toMatchObject({
      name: 'Some model',
      kvHeads: 2,
      headDim: 64,
      valueDim: 48,
      attentionScale: 0.25,
    });
    expect(config.rope).toEqual({ base: 1e6, dim: 16, pairing: 'half' });
  });

  test('the vocabulary is counted where there is no list of tokens', async () => {
    const { 'tokenizer.ggml.tokens': _, ...rest } = numbers('llama');
    const metadata = await read({ ...rest, 'llama.vocab_size': field('u32', 77) });
    expect(architectureOf(metadata).config(metadata).vocab).toBe(77);
  });

  test('linear rotation scaling divides every frequency; none and missing do not', async () => {
    const factor = { 'llama.rope.scaling.factor': field('f32', 4) };
    const type = (name: string) => ({ 'llama.rope.scaling.type': field('string', name) });
    expect((await configOf('llama', { ...factor, ...type('linear') })).rope.factors).toEqual(
      new Float32Array(16).fill(4),
    );
    expect((await configOf('llama', { 'llama.rope.scale_linear': field('f32', 2) })).rope.factors).toEqual(
      new Float32Array(16).fill(2),
    );
    expect((await configOf('llama', { ...factor, ...type('none') })).rope.factors).toBeUndefined();
  });
});

describe('refusals', () => {
  const u32 = (key: string, value: number) => ({ [`llama.${key}`]: field('u32', value) });

  test('an architecture that is not in the table is named, and so are those that are', async () => {
    const metadata = await read(numbers('gemma3'));
    expect(() => architectureOf(metadata)).toThrow(
      expect.objectContaining({
        code: 'unsupported/architecture',
        message: expect.stringMatching(/"gemma3".*llama, qwen3/),
      }),
    );
    expect(architectures.map(({ name }) => name)).toEqual(['llama', 'qwen3']);
  });

  test.each<[string, Record<string, Field>, RegExp]>([
    ['experts', u32('expert_count', 8), /mixture of experts/],
    ['yarn', { 'llama.rope.scaling.type': field('string', 'yarn') }, /"yarn"/],
    ['longrope', { 'llama.rope.scaling.type': field('string', 'longrope') }, /"longrope"/],
    ['attention both ways', { 'llama.attention.causal': field('bool', false) }, /later tokens/],
    ['scaled logits', { 'llama.logit_scale': field('f32', 8) }, /logit_scale 8/],
    ['rows of 100', u32('feed_forward_length', 100), /rows of 100/],
    [
      'heads of 24',
      { ...u32('attention.key_length', 24), ...u32('attention.value_length', 32) },
      /heads of 24/,
    ],
  ])('%s: not computed', async (_, more, words) => {
    await expect(configOf('llama', more)).rejects.toMatchObject({
      code: 'unsupported/architecture',
      message: expect.stringMatching(words),
    });
  });

  test.each<[string, Record<string, Field>]>([
    ['no layers', u32('block_count', 0)],
    ['a billion layers', u32('block_count', 1e9)],
    ['a fraction of a layer', { 'llama.block_count': field('f32', 1.5) }],
    ['negative width', { 'llama.embedding_length': field('i32', -128) }],
    ['no heads', u32('attention.head_count', 0)],
    ['heads that do not divide the width', u32('attention.head_count', 3)],
    ['heads that KV heads do not divide', u32('attention.head_count_kv', 3)],
    ['an odd number of rotated channels', u32('rope.dimension_count', 15)],
    ['more rotated channels than there are', u32('rope.dimension_count', 34)],
    ['a rotation base of 0', { 'llama.rope.freq_base': field('f32', 0) }],
    ['a rotation base that is no number', { 'llama.rope.freq_base': field('f32', Number.NaN) }],
    [
      'an epsilon of infinity',
      { 'llama.attention.layer_norm_rms_epsilon': field('f32', Number.POSITIVE_INFINITY) },
    ],
    ['a negative scaling factor', { 'llama.rope.scaling.factor': field('f32', -2) }],
    ['a number that is a string', { 'llama.block_count': field('string', '2') }],
    ['no tokens', { 'tokenizer.ggml.tokens': arrayField('string', []) }],
  ])('%s: corrupt', async (_, more) => {
    await expect(configOf('llama', more)).rejects.toMatchObject({ code: 'model/corrupt' });
  });

  test.each([
    'context_length',
    'embedding_length',
    'block_count',
    'feed_forward_length',
    'attention.head_count',
  ])('%s is missing', async (key) => {
    const { [`llama.${key}`]: _, ...rest } = numbers('llama');
    const metadata = await read(rest);
    expect(() => architectureOf(metadata).config(metadata)).toThrow(
      expect.objectContaining({ code: 'model/corrupt', message: expect.stringContaining(`llama.${key}`) }),
    );
  });
});

describe('tensors', () => {
  test('qwen3 is llama with norms on heads', async () => {
    const [llama, qwen3] = architectures as [(typeof architectures)[0], (typeof architectures)[0]];
    const config = await configOf('qwen3', { 'qwen3.attention.head_count_kv': field('u32', 2) });
    const { qNorm, kNorm, ...rest } = qwen3.layer(config, 1);
    expect(qNorm).toEqual({ name: 'blk.1.attn_q_norm.weight', rows: 1, cols: 32 });
    expect(kNorm).toEqual({ name: 'blk.1.attn_k_norm.weight', rows: 1, cols: 32 });
    expect(rest).toEqual(llama.layer(config, 1));
    expect(rest.k).toEqual({ name: 'blk.1.attn_k.weight', rows: 64, cols: 128 });
    expect(rest.qBias).toMatchObject({ optional: true });
    expect(qwen3.tensors(config).output).toEqual({
      name: 'output.weight',
      rows: 3,
      cols: 128,
      optional: true,
    });
  });
});
