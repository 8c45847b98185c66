import { readFile } from 'node:fs/promises';
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
      embeddingScale: 1,
      rope: { dim: 32, pairing: 'adjacent', rotations: [{ base: 10_000 }], original: 8192 },
      attentionScale: 1 / Math.sqrt(32),
      attention: [{ rotation: 0 }, { rotation: 0 }],
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
    expect(config.rope).toEqual({ dim: 16, pairing: 'half', rotations: [{ base: 1e6 }], original: 8192 });
  });

  test('the vocabulary is counted where there is no list of tokens', async () => {
    const { 'tokenizer.ggml.tokens': _, ...rest } = numbers('llama');
    const metadata = await read({ ...rest, 'llama.vocab_size': field('u32', 77) });
    expect(architectureOf(metadata).config(metadata).vocab).toBe(77);
  });

  const rotationsOf = async (arch: string, more: Record<string, Field>) =>
    (await configOf(arch, more)).rope.rotations;
  const scaling = (arch: string, type: string, numbers: Record<string, number>): Record<string, Field> => ({
    [`${arch}.rope.scaling.type`]: field('string', type),
    ...Object.fromEntries(
      Object.entries(numbers).map(([key, value]) => [`${arch}.rope.scaling.${key}`, field('f32', value)]),
    ),
  });

  test('linear rotation scaling divides every frequency; none and missing do not', async () => {
    const base = 10_000;
    expect(await rotationsOf('llama', scaling('llama', 'linear', { factor: 4 }))).toEqual([
      { base, factors: new Float64Array(16).fill(4) },
    ]);
    expect(await rotationsOf('llama', { 'llama.rope.scale_linear': field('f32', 2) })).toEqual([
      { base, factors: new Float64Array(16).fill(2) },
    ]);
    expect(await rotationsOf('llama', scaling('llama', 'none', { factor: 4 }))).toEqual([{ base }]);
  });

  test('yarn keeps pairs that turn fast, divides those that turn slowly, and lengthens what is turned', async () => {
    const numbers = { factor: 4, original_context_length: 1024, attn_factor: 0.5 };
    const [{ factors, magnitude } = { factors: [] }] = await rotationsOf(
      'qwen2',
      scaling('qwen2', 'yarn', numbers),
    );
    expect(factors).toHaveLength(16);
    expect(factors?.[0]).toBe(1);
    expect(factors?.[15]).toBe(4);
    // Pair i turns 1024 · 10,000^(−i / 16) / 2π times: 32 times at i = 2.8, once at i = 8.8.
    expect(Array.from(factors!, (factor) => factor > 1)).toEqual(Array.from({ length: 16 }, (_, i) => i > 2));
    expect(Array.from(factors!, (factor) => factor === 4)).toEqual(
      Array.from({ length: 16 }, (_, i) => i > 8),
    );
    expect(magnitude).toBeCloseTo(0.5 * (1 + 0.1 * Math.log(4)), 12);
  });

  test('one number, or a list that repeats it', async () => {
    const list = (values: number[]) => ({ 'llama.attention.head_count_kv': arrayField('u32', values) });
    expect((await configOf('llama', list([2, 2]))).kvHeads).toBe(2);
    await expect(configOf('llama', list([2, 4]))).rejects.toMatchObject({
      code: 'unsupported/architecture',
      message: expect.stringMatching(/another attention.head_count_kv in some layers/),
    });
    await expect(configOf('llama', list([]))).rejects.toMatchObject({ code: 'model/corrupt' });
  });
});

describe('layers that differ', () => {
  const layersOf = async (arch: string, count: number, more: Record<string, Field> = {}) =>
    (await configOf(arch, { [`${arch}.block_count`]: field('u32', count), ...more })).attention;
  const window = (arch: string, tokens: number) => ({
    [`${arch}.attention.sliding_window`]: field('u32', tokens),
  });
  const whole = { rotation: 0 };

  test('gemma2: every other layer slides, over 4,096 tokens where the file is silent', async () => {
    expect(await layersOf('gemma2', 4)).toEqual(
      [{ window: 4096, rotation: 0 }, whole].concat([{ window: 4096, rotation: 0 }, whole]),
    );
    expect(await layersOf('gemma2', 1, window('gemma2', 9))).toEqual([{ window: 9, rotation: 0 }]);
  });

  test('gemma3: five of six slide and turn by a base of their own', async () => {
    const slides = { window: 512, rotation: 1 };
    expect(await layersOf('gemma3', 7, window('gemma3', 512))).toEqual([
      ...new Array(5).fill(slides),
      whole,
      slides,
    ]);
    expect(await layersOf('gemma3', 2)).toEqual([whole, whole]);
    const config = await configOf('gemma3', { 'gemma3.rope.freq_base': field('f32', 1e6) });
    expect(config.rope.rotations).toEqual([{ base: 1e6 }, { base: 10_000 }]);
    const named = await configOf('gemma3', { 'gemma3.rope.freq_base_swa': field('f32', 5000) });
    expect(named.rope.rotations[1]).toEqual({ base: 5000 });
  });

  test('the file may say which, by a number or a list', async () => {
    const pattern = (value: Field) => ({
      ...window('gemma3', 512),
      'gemma3.attention.sliding_window_pattern': value,
    });
    const slides = { window: 512, rotation: 1 };
    expect(await layersOf('gemma3', 4, pattern(field('u32', 2)))).toEqual([slides, whole, slides, whole]);
    const booleans = arrayField('bool', [false, true, true]);
    expect(await layersOf('gemma3', 3, pattern(booleans))).toEqual([whole, slides, slides]);
    const words = arrayField('i32', [0, 1, 1]);
    expect(await layersOf('gemma3', 3, pattern(words))).toEqual([whole, slides, slides]);
    await expect(layersOf('gemma3', 4, pattern(booleans))).rejects.toMatchObject({ code: 'model/corrupt' });
  });

  test('mistral: all slide; phi3: none does, whatever the file says; smollm3: every fourth is not turned', async () => {
    expect(await layersOf('llama', 2, window('llama', 4096))).toEqual(
      new Array(2).fill({ window: 4096, rotation: 0 }),
    );
    expect(await layersOf('phi3', 2, window('phi3', 2047))).toEqual([whole, whole]);
    expect(await layersOf('smollm3', 8)).toEqual([whole, whole, whole, {}, whole, whole, whole, {}]);
  });

  test.each(['qwen2', 'qwen3', 'smollm3'])('%s with layers that slide is refused', async (arch) => {
    expect(await layersOf(arch, 1, window(arch, 8192))).toEqual([whole]);
    await expect(layersOf(arch, 1, window(arch, 4096))).rejects.toMatchObject({
      code: 'unsupported/architecture',
      message: expect.stringMatching(/last 4096 tokens/),
    });
  });

  test('gemma: scales, caps, and the queries of the 27B models', async () => {
    expect(await configOf('gemma2')).toMatchObject({
      act: 'gelu',
      embeddingScale: Math.sqrt(128),
      attentionCap: 50,
      logitCap: 30,
      attentionScale: 1 / Math.sqrt(32),
    });
    const wide = (arch: string, layers: number) =>
      configOf(arch, {
        [`${arch}.block_count`]: field('u32', layers),
        [`${arch}.attention.key_length`]: field('u32', 64),
      });
    expect((await wide('gemma2', 46)).attentionScale).toBe(1 / Math.sqrt(32));
    expect((await wide('gemma2', 42)).attentionScale).toBe(1 / 8);
    expect((await wide('gemma3', 62)).attentionScale).toBe(1 / Math.sqrt(32));
    const gemma3 = await configOf('gemma3');
    expect(gemma3).not.toHaveProperty('attentionCap');
    expect(gemma3).not.toHaveProperty('logitCap');
  });
});

describe('refusals', () => {
  const u32 = (key: string, value: number) => ({ [`llama.${key}`]: field('u32', value) });

  test('an architecture that is not in the table is named, and so are those that are', async () => {
    const metadata = await read(numbers('mamba'));
    expect(() => architectureOf(metadata)).toThrow(
      expect.objectContaining({
        code: 'unsupported/architecture',
        message: expect.stringMatching(
          /"mamba".*llama, qwen2, qwen3, gemma2, gemma3, smollm3, phi3, granitehybrid\./,
        ),
      }),
    );
  });

  test.each<[string, Record<string, Field>, RegExp]>([
    ['experts', u32('expert_count', 8), /mixture of experts/],
    ['dynamic scaling', { 'llama.rope.scaling.type': field('string', 'dynamic') }, /"dynamic"/],
    ['scaling by alpha', { 'llama.rope.scaling.alpha': field('f32', 1000) }, /scaling.alpha 1000/],
    ['temperature', { 'llama.attention.temperature_scale': field('f32', 0.1) }, /temperature_scale/],
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
    ['a negative window', { 'llama.attention.sliding_window': field('i32', -1) }],
    ['a cap that is no number', { 'llama.final_logit_softcapping': field('f32', Number.NaN) }],
    ['an attention factor of 0', { 'llama.rope.scaling.attn_factor': field('f32', 0) }],
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

test('the README names every architecture', async () => {
  const table = (await readFile('README.md', 'utf8')).match(/\n\| architecture in the file [\s\S]*?\n\n/)![0];
  const named = [...table.matchAll(/^\| (`.*?`) \|/gm)].flatMap(([, names]) => names!.match(/[^`, ]+/g));
  expect(named.sort()).toEqual(architectures.map(({ name }) => name).sort());
});

describe('tensors', () => {
  const [llama, qwen2, qwen3, gemma2, gemma3, smollm3, phi3] = architectures;

  test('qwen3 is llama with norms on heads', async () => {
    const config = await configOf('qwen3', { 'qwen3.attention.head_count_kv': field('u32', 2) });
    const { qNorm, kNorm, ...rest } = qwen3!.layer(config, 1);
    expect(qNorm).toEqual({ name: 'blk.1.attn_q_norm.weight', rows: 1, cols: 32 });
    expect(kNorm).toEqual({ name: 'blk.1.attn_k_norm.weight', rows: 1, cols: 32 });
    expect(rest).toEqual(llama!.layer(config, 1));
    expect(rest.k).toEqual({ name: 'blk.1.attn_k.weight', rows: 64, cols: 128 });
    expect(rest.qBias).toMatchObject({ optional: true });
    expect(qwen3!.tensors(config).output).toEqual({
      name: 'output.weight',
      rows: 3,
      cols: 128,
      optional: true,
    });
  });

  test('qwen2 always has biases; gemma has norms behind its blocks; smollm3 is llama', async () => {
    const config = await configOf('qwen2');
    expect(qwen2!.layer(config, 0).qBias).toEqual({ name: 'blk.0.attn_q.bias', rows: 1, cols: 128 });
    expect(gemma2!.layer(config, 0)).toMatchObject({
      attnPostNorm: { name: 'blk.0.post_attention_norm.weight', cols: 128 },
      ffnPostNorm: { name: 'blk.0.post_ffw_norm.weight', cols: 128 },
    });
    expect(Object.keys(gemma3!.layer(config, 0))).toEqual([
      ...Object.keys(gemma2!.layer(config, 0)),
      'qNorm',
      'kNorm',
    ]);
    expect(smollm3!.layer(config, 0)).toEqual(llama!.layer(config, 0));
  });

  test('phi3 holds q, k, v in one tensor, gate and up in another, and two sets of factors where it was stretched', async () => {
    const short = { 'phi3.rope.scaling.original_context_length': field('u32', 4096) };
    const config = await configOf('phi3', { 'phi3.attention.head_count_kv': field('u32', 2) });
    const { q, k, v, gate, up } = phi3!.layer(config, 0);
    expect([q, k, v].map((spec) => spec?.part)).toEqual([
      { from: 0, of: 256 },
      { from: 128, of: 256 },
      { from: 192, of: 256 },
    ]);
    expect([q!.rows, k!.rows, v!.rows]).toEqual([128, 64, 64]);
    expect([gate, up].map((spec) => [spec!.name, spec!.part])).toEqual([
      ['blk.0.ffn_up.weight', { from: 0, of: 640 }],
      ['blk.0.ffn_up.weight', { from: 320, of: 640 }],
    ]);
    expect(phi3!.tensors(config).ropeLong).toMatchObject({ optional: true, cols: 16 });
    expect(phi3!.tensors(await configOf('phi3', short)).ropeLong).not.toHaveProperty('optional');
  });
});
