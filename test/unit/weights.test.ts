import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import type { Backend, Weight } from '../../src/backends/backend.js';
import { rowBytes } from '../../src/backends/row-formats.js';
import { type LoadWeightsOptions, loadWeights, type ModelWeights } from '../../src/model/weights.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { weightType } from '../../src/weights/repack.js';
import { SUPPORTED_TYPES, type SupportedType, tensorTypeOf } from '../../src/weights/tensor-types.js';
import { decodeRow } from '../reference/rows.js';
import { toF32 } from '../support/dequantise.js';
import { entryOf, find, patched, piecewise } from '../support/gguf-surgery.js';
import { field, writeGguf } from '../support/gguf-writer.js';
import { toHalf } from '../support/half.js';
import { dequantise } from '../support/quantise.js';
import { type RandomModelOptions, randomModel } from '../support/random-model.js';

interface Kept extends Weight {
  filled: number;
  readonly bytes: Uint8Array;
}

/** Keeps what it is given; throws from the call `failAt` on. */
const keeper = (failAt = Number.POSITIVE_INFINITY) => {
  const held = new Set<Kept>();
  let calls = 0;
  const step = (): void => {
    if (++calls >= failAt) throw new Error('The device is full.');
  };
  const backend: Pick<Backend, 'weight' | 'fill' | 'free'> = {
    weight: (label, type, rows, cols) => {
      step();
      const weight: Kept = {
        label,
        type,
        rows,
        cols,
        filled: 0,
        bytes: new Uint8Array(rows * rowBytes(type, cols)),
      };
      held.add(weight);
      return weight;
    },
    fill: (given, row, bytes) => {
      step();
      const weight = given as Kept;
      expect(row).toBe(weight.filled);
      weight.bytes.set(bytes, row * rowBytes(weight.type, weight.cols));
      weight.filled += bytes.length / rowBytes(weight.type, weight.cols);
    },
    free: (thing) => {
      if (!held.delete(thing as Kept)) throw new Error('Freed twice.');
    },
  };
  return { backend, held, calls: () => calls };
};

const options: RandomModelOptions = {
  architecture: 'llama',
  type: 'Q8_0',
  tokenizer: 'gpt-2',
  seed: 4,
  layers: 2,
  dim: 32,
  hidden: 64,
  heads: 2,
  kvHeads: 1,
  headDim: 16,
};
const load = async (
  file: Uint8Array,
  { backend } = keeper(),
  more: LoadWeightsOptions = {},
): Promise<ModelWeights> => {
  const model = await openGguf(openSource(file));
  return loadWeights(backend, model, architectureOf(model.metadata), more);
};
const valuesOf = ({ type, rows, cols, ...weight }: Weight): Float32Array => {
  const { bytes } = weight as Kept;
  const size = bytes.length / rows;
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    values.set(decodeRow(type, bytes.subarray(row * size, (row + 1) * size), cols), row * cols);
  }
  return values;
};
const refused = async (file: Uint8Array, code: string, words: RegExp) => {
  const device = keeper();
  await expect(load(file, device)).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
  expect(device.held.size).toBe(0);
};

describe('loading', () => {
  test.each(SUPPORTED_TYPES)('%s: every weight means what the file says', async (type) => {
    const sizes = tensorTypeOf(type).elements === 256 ? { dim: 256, hidden: 256 } : {};
    const file = randomModel({ ...options, ...sizes, architecture: 'qwen3', type });
    const device = keeper();
    const weights = await load(file, device);
    const plain = await load(await toF32(file));
    expect(device.held.size).toBe(3 + 2 * 11);
    for (const weight of device.held) expect(weight.filled).toBe(weight.rows);
    expect(weights.layers.length).toBe(2);
    for (const [l, layer] of weights.layers.entries()) {
      expect(Object.keys(layer).sort()).toEqual(Object.keys(plain.layers[l]!).sort());
      for (const [name, weight] of Object.entries(layer)) {
        expect(valuesOf(weight)).toEqual(valuesOf(plain.layers[l]![name as 'q']));
        expect(weight.label).toMatch(`blk.${l}.`);
      }
    }
    expect(valuesOf(weights.embedding)).toEqual(valuesOf(plain.embedding));
    expect(weights.embedding.type).toBe(weightType(type, 2));
    expect(valuesOf(weights.output)).not.toEqual(valuesOf(weights.embedding));
    weights.release();
    expect(device.held.size).toBe(0);
  });

  test('the bundled model: tied, with norms on heads', async () => {
    const file = new Uint8Array(await readFile('examples/models/book-reader-5m-Q8_0.gguf'));
    const weights = await load(file);
    const plain = await load(await toF32(file));
    expect(plain.config).toEqual(weights.config);
    expect(plain.layers[5]!.down.type).toBe('F32');
    expect(valuesOf(plain.layers[5]!.down)).toEqual(valuesOf(weights.layers[5]!.down));
    expect(weights.output).toBe(weights.embedding);
    expect(weights.config).toMatchObject({
      layers: 6,
      dim: 256,
      hidden: 704,
      kvHeads: 2,
      headDim: 64,
      window: 32768,
    });
    expect(weights.layers[5]).toMatchObject({
      kNorm: { rows: 1, cols: 64 },
      k: { rows: 128, cols: 256, type: 'Q8_0' },
    });
  });

  test('a tied embedding is held, and freed, once', async () => {
    const device = keeper();
    const weights = await load(randomModel({ ...options, tied: true }), device);
    expect(weights.output).toBe(weights.embedding);
    expect(device.held.size).toBe(2 + 2 * 9);
    weights.release();
    expect(device.held.size).toBe(0);
  });

  test('biases and rotation factors', async () => {
    const weights = await load(randomModel({ ...options, bias: true, ropeFactors: true }));
    expect(weights.layers[1]).toMatchObject({
      qBias: { rows: 1, cols: 32 },
      kBias: { cols: 16 },
      vBias: { cols: 16 },
    });
    expect(weights.config.rope.rotations).toEqual([
      { base: 10_000, factors: Float64Array.from({ length: 8 }, (_, i) => 1 + (7 * i) / 8) },
    ]);
    expect((await load(randomModel(options))).config.rope.rotations).toEqual([{ base: 10_000 }]);
  });

  test('weights that are stored as one tensor are parted by rows, however they arrive', async () => {
    const file = randomModel({ ...options, architecture: 'phi3', dim: 32, seed: 9 });
    const { tensors } = await openGguf(openSource(file));
    const rowsOf = async (name: string, from: number, to: number): Promise<Float32Array> => {
      const { offset, bytes, rows } = tensors.get(name)!;
      const row = bytes / rows;
      return dequantise('Q8_0', file.slice(offset + from * row, offset + to * row));
    };
    for (const size of [file.length, 1000]) {
      const device = keeper();
      const model = await openGguf(piecewise(file, size));
      const { layers, release } = await loadWeights(device.backend, model, architectureOf(model.metadata));
      const { q, k, v, gate, up } = layers[1]!;
      expect(valuesOf(q)).toEqual(await rowsOf('blk.1.attn_qkv.weight', 0, 32));
      expect(valuesOf(k)).toEqual(await rowsOf('blk.1.attn_qkv.weight', 32, 48));
      expect(valuesOf(v)).toEqual(await rowsOf('blk.1.attn_qkv.weight', 48, 64));
      expect(valuesOf(gate)).toEqual(await rowsOf('blk.1.ffn_up.weight', 0, 64));
      expect(valuesOf(up)).toEqual(await rowsOf('blk.1.ffn_up.weight', 64, 128));
      const held = [...device.held].reduce((sum, weight) => sum + weight.bytes.length, 0);
      expect(held).toBe([...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0));
      release();
      expect(device.held.size).toBe(0);
    }
  });

  test('short factors up to the original window, long ones beyond, and another fingerprint', async () => {
    const keys = { 'rope.scaling.original_context_length': 512, 'rope.scaling.attn_factor': 1.5 };
    const file = randomModel({ ...options, architecture: 'phi3', longFactors: true, keys });
    const of = async (maxTokens?: number) => {
      const { config, fingerprint } = await load(file, keeper(), maxTokens ? { maxTokens } : {});
      const [{ factors, magnitude } = {}] = config.rope.rotations;
      return { last: factors?.[7], magnitude, fingerprint };
    };
    const [long, short] = [await of(), await of(512)];
    expect(short).toMatchObject({ last: 1 + (0.5 * 7) / 8, magnitude: 1.5 });
    expect(long).toMatchObject({ last: Math.fround(1 + (19 * 7) / 8), magnitude: 1.5 });
    expect(short.fingerprint).not.toBe(long.fingerprint);
    expect(await of(513)).toEqual(long);
  });

  test('progress ends with everything, and never goes back', async () => {
    const steps: number[] = [];
    const file = randomModel({ ...options, dim: 512, tokenizer: 'spm', type: 'F32' });
    let total = 0;
    await load(file, keeper(), {
      onProgress: (progress) => {
        steps.push(progress.loaded);
        total = progress.total;
      },
    });
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(total);
    expect(total).toBeLessThanOrEqual(file.length);
    expect(total).toBeGreaterThan(file.length - 32);
  });
});

describe('refusals', () => {
  const file = randomModel(options);
  const rename = (from: string, to: string) =>
    patched(file, (view) => {
      new Uint8Array(view.buffer).set(new TextEncoder().encode(to), find(file, from));
    });

  test.each([
    'token_embd.weight',
    'output_norm.weight',
    'blk.1.ffn_down.weight',
    'blk.0.attn_k.weight',
  ])('%s is missing', (name) =>
    refused(rename(name, name.replace('weight', 'weighs')), 'model/corrupt', new RegExp(`"${name}"`)));
  test('a tensor without a place', () =>
    refused(rename('output.weight', 'oddity.weight'), 'unsupported/architecture', /"oddity.weight"/));

  test('a tensor of another shape', () => {
    const at = entryOf(file, 'blk.1.attn_q.weight', 2).shape + 8;
    const bad = patched(file, (view) => view.setBigUint64(at, 31n, true));
    return refused(bad, 'model/corrupt', /"blk.1.attn_q.weight".*31 × 32.*32 × 32/);
  });

  test('a type that is not computed', () => {
    const at = entryOf(file, 'blk.0.attn_q.weight', 2).type;
    // MXFP4: 17 bytes per 32 elements fit where Q8_0's 34 were.
    const bad = patched(file, (view) => view.setUint32(at, 39, true));
    const words = /"blk.0.attn_q.weight".*MXFP4.*F32, F16, BF16, Q8_0, .*Q4_K, .*IQ4_XS/;
    return refused(bad, 'unsupported/tensor-type', words);
  });

  test('a quantised vector', () => {
    const at = entryOf(file, 'blk.0.attn_norm.weight', 1).type;
    const bad = patched(file, (view) => view.setUint32(at, 8, true));
    return refused(bad, 'unsupported/tensor-type', /"blk.0.attn_norm.weight".*vector.*Q8_0/);
  });

  test.each<[SupportedType, number]>([
    ['F32', 4],
    ['F16', 2],
    ['Q8_0', 34],
    ['Q4_0', 18],
  ])('%s: a NaN in row 17 is found', async (type, step) => {
    const sound = randomModel({ ...options, type });
    const { offset, bytes, rows } = (await openGguf(openSource(sound))).tensors.get('blk.1.ffn_up.weight')!;
    const at = offset + 17 * (bytes / rows) + (type === 'F32' || type === 'F16' ? 5 * step : 0);
    const bad = patched(sound, (view) => {
      if (type === 'F32') view.setFloat32(at, Number.NaN, true);
      else view.setUint16(at, toHalf(Number.NaN), true);
    });
    await refused(bad, 'model/corrupt', /"blk.1.ffn_up.weight".*row 17/);
  });

  test('rotation factors that are not positive', async () => {
    const sound = randomModel({ ...options, ropeFactors: true });
    const { offset } = (await openGguf(openSource(sound))).tensors.get('rope_freqs.weight')!;
    await refused(
      patched(sound, (view) => view.setFloat32(offset, 0, true)),
      'model/corrupt',
      /rotation factors/,
    );
  });

  test('a model stretched for a longer window without its factors', async () => {
    const keys = { 'rope.scaling.original_context_length': 512 };
    const bare = randomModel({ ...options, architecture: 'phi3', keys });
    await refused(bare, 'model/corrupt', /lacks the tensor "rope_factors_short.weight"/);
  });

  test('a device that fails at any call is left empty, and the source closed', async () => {
    const whole = keeper();
    await load(file, whole);
    for (let failAt = 1; failAt <= whole.calls(); failAt++) {
      const device = keeper(failAt);
      const source = piecewise(file, 5000);
      const model = await openGguf(source);
      const loading = loadWeights(device.backend, model, architectureOf(model.metadata));
      await expect(loading).rejects.toThrow('The device is full.');
      expect(device.held.size).toBe(0);
      expect(source.closed).toBe(true);
    }
  });

  test('an abort frees everything', async () => {
    const abort = new AbortController();
    const device = keeper();
    const loading = load(file, device, { signal: abort.signal, onProgress: () => abort.abort() });
    await expect(loading).rejects.toMatchObject({ name: 'AbortError' });
    expect(device.held.size).toBe(0);
  });
});

describe('the fingerprint', () => {
  const of = async (file: Uint8Array) => (await load(file)).fingerprint;

  test('is the same for the same model, under another name too', async () => {
    const file = randomModel(options);
    expect(await of(file)).toBe(await of(file.slice()));
    const renamed = patched(file, (view) => view.setUint8(find(file, 'random Q8_0'), 0x52));
    expect(await of(renamed)).toBe(await of(file));
  });

  test('changes with a byte of any tensor, and with a number', async () => {
    const file = randomModel({ ...options, layers: 1 });
    const seen = new Set([await of(file)]);
    const { tensors } = await openGguf(openSource(file));
    for (const { offset, bytes } of tensors.values()) {
      seen.add(
        await of(
          patched(file, (view) => view.setUint8(offset + bytes - 2, view.getUint8(offset + bytes - 2) ^ 1)),
        ),
      );
    }
    expect(seen.size).toBe(tensors.size + 1);
    const base = find(file, 'rope.freq_base') + 'rope.freq_base'.length + 4;
    seen.add(await of(patched(file, (view) => view.setFloat32(base, 500_000, true))));
    expect(seen.size).toBe(tensors.size + 2);
  });
});

test('a model without tensors is refused for its first tensor', () =>
  refused(
    writeGguf({
      metadata: {
        'general.architecture': field('string', 'llama'),
        'llama.context_length': field('u32', 10),
        'llama.embedding_length': field('u32', 32),
        'llama.block_count': field('u32', 1),
        'llama.feed_forward_length': field('u32', 32),
        'llama.attention.head_count': field('u32', 1),
        'llama.attention.layer_norm_rms_epsilon': field('f32', 1e-5),
        'llama.vocab_size': field('u32', 10),
      },
      tensors: [],
    }),
    'model/corrupt',
    /"token_embd.weight"/,
  ));
