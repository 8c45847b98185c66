import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { architectureOf } from '../../src/architectures/index.js';
import type { Backend, Weight } from '../../src/backends/backend.js';
import { ROW_FORMATS, rowBytes, type WeightType } from '../../src/backends/row-formats.js';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import type { Device } from '../../src/backends/wasm/device.js';
import { wasmTensors } from '../../src/backends/wasm/tensors.js';
import { loadWeights } from '../../src/model/weights.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { weightType } from '../../src/weights/repack.js';
import { SUPPORTED_TYPES, tensorTypeOf } from '../../src/weights/tensor-types.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';

let stated: Map<string, readonly [file: number, memory: number]>;
beforeAll(async () => {
  const text = await readFile('docs/LIMITS.md', 'utf8');
  const rows = text.matchAll(/^\| (I?[BFQ]\w+) \| ([\d.]+) \| ([\d.]+) \|$/gm);
  stated = new Map([...rows].map(([, type, file, memory]) => [type!, [Number(file), Number(memory)]]));
});

test('the table in LIMITS has every type with its bits per weight', () => {
  expect([...stated.keys()].sort()).toEqual([...SUPPORTED_TYPES].sort());
  for (const type of SUPPORTED_TYPES) {
    const { elements, bytes } = tensorTypeOf(type);
    const format = ROW_FORMATS[weightType(type, 2)];
    const bits = [(8 * bytes) / elements, (8 * format.bytes) / format.inputs];
    expect(stated.get(type), type).toEqual(bits);
  }
});

/** Rows and columns of the matrices of a layer, and how many layers; vocabulary and width. */
const SHAPES = {
  // SmolLM2-135M is 576 wide; the K types need whole 256s, which their quantisers would not find there.
  '135M': { layers: 30, dim: 768, hidden: 1536, kv: 256, vocab: 49_152 },
  '1B': { layers: 16, dim: 2048, hidden: 8192, kv: 512, vocab: 128_256 },
} as const;

describe.each(Object.entries(SHAPES))('a model of %s', (_, { layers, dim, hidden, kv, vocab }) => {
  test.each(Object.keys(ROW_FORMATS) as WeightType[])('%s takes the bytes that LIMITS states', (type) => {
    let held = 0;
    const heap = { alloc: (bytes: number) => (held += bytes), u8: () => new Uint8Array(0) };
    const { weight } = wasmTensors({ heap } as unknown as Device);
    const matrices = [
      ...[dim, kv, kv, dim].map((rows) => [rows, dim] as const),
      ...([
        [hidden, dim],
        [hidden, dim],
        [dim, hidden],
      ] as const),
    ];
    const all = [[vocab, dim] as const, ...Array.from({ length: layers }, () => matrices).flat()];
    for (const [rows, cols] of all) weight('matrix', type, rows, cols);
    const weights = all.reduce((sum, [rows, cols]) => sum + rows * cols, 0);
    expect(held).toBe((weights * stated.get(type)![1]) / 8);
  });
});

test.each(
  SUPPORTED_TYPES,
)('%s: what is held while a model is read is the model and one piece', async (type) => {
  const PIECE = 1 << 18;
  const file = randomModel({
    ...({ architecture: 'llama', type, tokenizer: 'gpt-2', seed: 3, layers: 1 } as const),
    ...{ dim: 256, hidden: 512, heads: 4, kvHeads: 2, headDim: 64 },
  });
  const backend = await createWasmBackend({ wasm: { simd128: new URL('kernels.wasm', kernelsUrl) } });
  let most = 0;
  const made: Weight[] = [];
  const watched: Pick<Backend, 'weight' | 'fill' | 'free'> = {
    free: backend.free,
    weight: (...of) => {
      const weight = backend.weight(...of);
      made.push(weight);
      return weight;
    },
    fill: (...of) => {
      backend.fill(...of);
      most = Math.max(most, backend.bytes().total);
    },
  };
  const model = await openGguf(openSource(file));
  await loadWeights(watched, model, architectureOf(model.metadata));
  const whole = made.reduce((sum, { type: format, rows, cols }) => {
    const padded = format === 'F32' && rows === 1 ? 1 : Math.ceil(rows / 16) * 16;
    return sum + Math.ceil((padded * rowBytes(format, cols)) / 64) * 64;
  }, 0);
  expect(backend.bytes().weights).toBe(whole);
  expect(most).toBeGreaterThan(whole);
  expect(most).toBeLessThanOrEqual(whole + PIECE);
  backend.close();
});
