/**
 * Models of published widths, head counts and vocabularies, cut to one layer and with random weights: they load into
 * the bytes that their tensors take, and answer.
 */
import { expect, test } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import { pageBytes } from '../../src/codecs/page-format.js';
import { openModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { kvShapeOf } from '../../src/model/state.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { field, writeGguf } from '../support/gguf-writer.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';
import { type ModelShape, SHAPES, shapeModel } from '../support/shape-model.js';

const TOKENS = 150;

const tinyLlama: ModelShape = {
  ...{ architecture: 'llama', layers: 22, dim: 2048, hidden: 5632, heads: 32, kvHeads: 4, headDim: 64 },
  ...{ vocab: 32_000, window: 2048, base: 1e4, eps: 1e-5, tokenizer: 'spm' },
};
// Gemma 3 1B has everything that the 270M model has, and more of it.
const { 'gemma3-270m': _, ...others } = SHAPES;
const shapes: Readonly<Record<string, ModelShape>> = { ...others, 'tinyllama-1.1b': tinyLlama };

test.each(Object.entries(shapes))('%s', async (name, shape) => {
  const one = { ...shape, layers: 1 };
  const file = new Blob([...shapeModel(name, one, { type: 'Q4_0' })] as BlobPart[]);
  const model = await openModel(
    file,
    { kernelsUrl, kv: { store: 'none' }, maxTokens: 512 },
    new AbortController().signal,
    () => undefined,
  );
  const { info, reader } = model;
  expect(info).toMatchObject({ architecture: shape.architecture, vocab: shape.vocab });
  expect(info.weightBytes).toBeLessThanOrEqual(1.001 * file.size);
  // Repacking holds a piece of the file at most: nothing of it is left.
  const { activations, total } = reader.backend.bytes();
  const { dim, hidden, heads, kvHeads, headDim, vocab } = shape;
  const row = 2 * dim + 2 * heads * headDim + 2 * kvHeads * headDim + 2 * hidden + 2 * headDim;
  expect(activations).toBeLessThanOrEqual(4 * (256 * row + vocab) + (4 << 20));
  expect(total - info.weightBytes).toBeLessThanOrEqual(activations + (4 << 20));

  const context = new Context(reader);
  const { below } = random(3);
  await context.append(
    Array.from({ length: TOKENS }, () => below(shape.vocab)),
    false,
  );
  context.push(shape.vocab - 1);
  const logits = await context.logits();
  expect(logits.length).toBe(shape.vocab);
  expect(logits.every(Number.isFinite)).toBe(true);
  // Random weights were made for a spread of 2.5.
  const spread = Math.sqrt(logits.reduce((sum, logit) => sum + logit * logit, 0) / logits.length);
  expect(spread).toBeGreaterThan(1.5);
  expect(spread).toBeLessThan(4);
  await model.close();
});

test('Gemma 3 1B holds 22 kB per token for the layers that slide, and 2 kB for the others', async () => {
  const { layers, dim, hidden, heads, kvHeads, headDim, vocab, window, slidingWindow } = SHAPES['gemma3-1b'];
  const counts = {
    ...{ block_count: layers, embedding_length: dim, feed_forward_length: hidden, vocab_size: vocab },
    ...{ context_length: window, 'attention.head_count': heads, 'attention.head_count_kv': kvHeads },
    ...{ 'attention.key_length': headDim, 'attention.value_length': headDim },
    'attention.sliding_window': slidingWindow,
  };
  const head = writeGguf({
    tensors: [],
    metadata: {
      'general.architecture': field('string', 'gemma3'),
      'gemma3.attention.layer_norm_rms_epsilon': field('f32', 1e-6),
      ...Object.fromEntries(
        Object.entries(counts).map(([key, value]) => [`gemma3.${key}`, field('u32', value)]),
      ),
    },
  });
  const { metadata } = await openGguf(openSource(head));
  const config = architectureOf(metadata).config(metadata);
  const bytes = { slid: 0, whole: 0 };
  config.attention.forEach((how, layer) => {
    const page = pageBytes(kvShapeOf(config, { keys: 'q8', values: 'q8' }, layer));
    bytes[how.window === undefined ? 'whole' : 'slid'] += page / 64;
  });
  expect(bytes).toEqual({ slid: 22 * 1024, whole: 4 * 516 });
});
