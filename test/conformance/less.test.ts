/** LESS's kernels are PyTorch's, and what they make of attention is what the paper's sums come to, on every backend. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Backend, type KvShape, PAGE, type Range } from '../../src/backends/backend.js';
import { inOwnChannels, storedHead } from '../../src/kv/stored-head.js';
import { createAmendsRows } from '../../src/policies/amend-rows.js';
import { less } from '../../src/policies/less.js';
import { createKeyFeatures } from '../../src/policies/less-features.js';
import { type LessKernels, queryFeatures, readKernels } from '../../src/policies/less-kernels.js';
import { parseSafetensors } from '../../src/weights/safetensors.js';
import { lessFile } from '../support/less-file.js';
import { random } from '../support/random.js';
import { makeRefBackend, makeWasmBackend } from './make-backend.js';
import { tensorOf } from './reading.js';

const FILE = 'test/golden/less-kernels.safetensors';
const golden = parseSafetensors(new Uint8Array(readFileSync(FILE)), FILE);
const kernelsIn = (bytes: Uint8Array): LessKernels => readKernels(parseSafetensors(bytes, 'it'), 'it');

const backends = new Map<string, Backend>();
beforeAll(async () => {
  backends.set('reference', await makeRefBackend());
  backends.set('wasm', await makeWasmBackend({ build: 'simd128' }));
});
afterAll(() => {
  for (const backend of backends.values()) backend.close();
});

const apart = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);

describe.each(['reference', 'wasm'])('on %s', (name) => {
  const on = (): Backend => backends.get(name)!;

  test.each([
    'f16',
    'q8',
  ] as const)('kernels are those of PyTorch, of keys as %s keeps them', async (keys) => {
    const kernels = readKernels(golden, FILE);
    const { heads, kvHeads, dim, rank } = kernels;
    const [q, k] = [golden.read('golden.q', [40, heads, dim]), golden.read('golden.k', [40, kvHeads, dim])];
    const phi = golden.read('golden.phi', [40, heads, rank]);
    const psi = golden.read('golden.psi', [40, kvHeads, rank]);
    for (let at = 0; at < 40 * heads; at++) {
      const found = queryFeatures(kernels, 0, at % heads, q.subarray(at * dim, (at + 1) * dim));
      expect(apart(found, phi.subarray(at * rank, (at + 1) * rank))).toBeLessThan(1e-4);
    }
    const shape: KvShape = { kvHeads, keyDim: dim, valueDim: dim, keys, values: 'f16' };
    for (let head = 0; head < kvHeads; head++) {
      const own = new Float32Array(40 * dim);
      for (let t = 0; t < 40; t++) {
        const key = k.slice((t * kvHeads + head) * dim, (t * kvHeads + head + 1) * dim);
        // Its own inverse: as it would be stored, but for the rounding.
        inOwnChannels(key, shape);
        own.set(key, t * dim);
      }
      const features = createKeyFeatures(on(), kernels, shape, 0, head);
      const found = await features.of(own);
      features.free();
      for (let t = 0; t < 40; t++) {
        const wanted = psi.subarray((t * kvHeads + head) * rank, (t * kvHeads + head + 1) * rank);
        expect(apart(found.subarray(t * rank, (t + 1) * rank), wanted)).toBeLessThan(1e-3);
      }
    }
  });

  interface Case {
    readonly kernels: LessKernels;
    readonly shape: KvShape;
    readonly tokens: number;
    readonly k: Float32Array;
    readonly v: Float32Array;
    readonly q: Float32Array;
  }

  /** What a row behind the tokens makes of what was kept, one choice after the other, of what is left of the text, and of it all. */
  const attended = async ({ kernels, shape, tokens, k, v, q }: Case, choices: readonly Range[][][]) => {
    const backend = on();
    const { kvHeads, keyDim, valueDim } = shape;
    const kv = backend.kvLayer('kv', shape);
    backend.mapPages(kv, Math.ceil(tokens / PAGE));
    const [keys, values] = [
      tensorOf(backend, tokens, kvHeads * keyDim, k),
      tensorOf(backend, tokens, kvHeads * valueDim, v),
    ];
    backend.appendKv(kv, keys, values, 0);
    const { heads } = kernels;
    const scale = 1 / Math.sqrt(keyDim);
    const parts = { backend, layers: [kv], heads, scale, keepPages: () => undefined };
    const amends = createAmendsRows(parts, less(kernels)(parts));
    const attend = async (ranges: readonly (readonly Range[])[], amended: boolean) => {
      const plan = backend.plan('plan', kvHeads);
      backend.writePlan(plan, { position: tokens - 1, rows: 1, tileRows: 1 }, ranges);
      const [out, asked] = [
        backend.tensor('out', 1, heads * valueDim),
        tensorOf(backend, 1, heads * keyDim, q),
      ];
      const sums = backend.tensor('sums', 1, heads);
      const amendment = amended ? amends.amendment(0, 1)! : undefined;
      backend.attend(out, asked, kv, plan, { scale, logSumExp: amendment?.logSumExp ?? sums });
      await amendment?.amend(asked, out, plan);
      return {
        out: (await backend.read(out)).slice(),
        logSumExp: (await backend.read(amendment?.logSumExp ?? sums)).slice(),
      };
    };
    const amended: Float32Array[] = [];
    for (const kept of choices) {
      await amends.chosen([kept], { tokens, scores: [] });
      amended.push((await attend(kept, true)).out);
    }
    const left = await attend(choices.at(-1)!, false);
    const all = await attend(
      Array.from({ length: kvHeads }, (): Range[] => [[0, tokens]]),
      false,
    );
    const pages = await Promise.all(
      Array.from({ length: kv.pages }, (_, page) => backend.readPage(kv, page)),
    );
    amends.release();
    return { amended, left, all: all.out, pages };
  };

  const shape: KvShape = { kvHeads: 2, keyDim: 16, valueDim: 32, keys: 'f16', values: 'f16' };
  const TOKENS = 1200;
  const SOME: Range[][] = [
    [
      [0, 4],
      [40, 64],
      [600, TOKENS],
    ],
    [
      [0, 4],
      [100, 101],
      [1100, TOKENS],
    ],
  ];

  test('where kernels are what attention weighs by, nothing is lost', async () => {
    // Keys and queries are axes, of which there are as many as channels: one number of the rank for each.
    const dim = 16;
    const far = 50;
    const numbers = (tensor: string, of: readonly number[]): Float32Array => {
      const out = new Float32Array(of.reduce((a, b) => a * b, 1));
      const inputs = of.at(-1)!;
      return out.map((_, at) => {
        const [row, col] = [Math.floor(at / inputs) % dim, at % inputs];
        if (tensor === 'c1') return 0.5 / far ** 4;
        if (tensor === 'c2') return 1;
        // A query of length 12 along an axis meets a key along the same one with a logit of 12/4.
        if (tensor === 'q2') return far * Math.exp(row === col ? 3 : 0);
        if (tensor === 'q1') return row === col ? far / 12 : 0;
        return row === col ? (tensor === 'k3' ? 1 : far) : 0;
      });
    };
    const kernels = kernelsIn(
      lessFile({ layers: 1, heads: 4, kvHeads: 2, dim, hidden: dim, rank: dim }, numbers),
    );
    const { below, normals } = random(3);
    const axes = (rows: number, length: number): Float32Array => {
      const out = new Float32Array(rows * dim);
      for (let row = 0; row < rows; row++) out[row * dim + below(dim)] = length;
      return out;
    };
    // GELU is the identity so far out: both sides are 50² too large, and |c1| makes up for it.
    const [k, q] = [axes(2 * TOKENS, 1), axes(4, 12)];
    const v = normals(TOKENS * 2 * shape.valueDim);
    const { amended, left, all } = await attended({ kernels, shape, tokens: TOKENS, k, v, q }, [SOME]);
    expect(apart(amended[0]!, all)).toBeLessThan(1e-4);
    expect(apart(left.out, all)).toBeGreaterThan(0.05);
  });

  const randomCase = (codec: 'f16' | 'q8', group: number): Case => {
    const { normals } = random(8);
    const own = { ...shape, keys: codec };
    const file = { layers: 1, heads: 2 * group, kvHeads: 2, dim: own.keyDim, hidden: 20, rank: 5 };
    return {
      ...{ kernels: kernelsIn(lessFile(file)), shape: own, tokens: TOKENS },
      k: normals(TOKENS * 2 * own.keyDim),
      v: normals(TOKENS * 2 * own.valueDim),
      q: normals(2 * group * own.keyDim),
    };
  };

  test.each([
    ['f16', 1],
    ['f16', 3],
    ['q8', 2],
  ] as const)('dropped keys weigh what the kernels say: %s, groups of %i', async (codec, group) => {
    const given = randomCase(codec, group);
    const { kernels, shape: own, q } = given;
    const { keyDim, valueDim } = own;
    const { amended, left, pages } = await attended(given, [SOME]);
    for (let head = 0; head < kernels.heads; head++) {
      const kvHead = Math.floor(head / group);
      const phi = queryFeatures(kernels, 0, head, q.subarray(head * keyDim, (head + 1) * keyDim));
      const weight = Math.exp(left.logSumExp[head]!);
      const sums = Array.from(left.out.subarray(head * valueDim, (head + 1) * valueDim), (x) => x * weight);
      let total = weight;
      const { k1, k2, k3, c1, c2 } = kernels.layers[0]!;
      for (let t = 0; t < TOKENS; t++) {
        if (SOME[kvHead]!.some(([from, to]) => t >= from && t < to)) continue;
        const stored = storedHead(pages[Math.floor(t / PAGE)]!, own, kvHead);
        const [key, value] = [new Float32Array(keyDim), new Float32Array(valueDim)];
        stored.key(t % PAGE, key);
        inOwnChannels(key, own);
        stored.value(t % PAGE, value);
        const gelu = (x: number): number =>
          x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
        const through = (map: Float32Array, x: readonly number[], outputs: number): number[] =>
          Array.from({ length: outputs }, (_, row) =>
            x.reduce((sum, c, i) => sum + c * map[(kvHead * outputs + row) * x.length + i]!, 0),
          );
        const inner = through(k2, through(k1, [...key], 20).map(gelu), 5).map(gelu);
        const y = inner.map((x, r) => x * Math.abs(c1[kvHead * 5 + r]!));
        const psi = through(k3, y, 5).map((x, r) => Math.abs(y[r]! + c2[kvHead * 5 + r]! * x));
        const share = psi.reduce((sum, x, r) => sum + x * phi[r]!, 0);
        total += share;
        for (const [c, x] of value.entries()) sums[c]! += share * x;
      }
      const wanted = sums.map((x) => x / total);
      const of = (all: Float32Array) => apart(all.subarray(head * valueDim, (head + 1) * valueDim), wanted);
      expect(of(amended[0]!)).toBeLessThan(2e-4);
      expect(of(left.out)).toBeGreaterThan(2e-3);
    }
  });

  test('what a later choice drops comes to what was dropped before; what is kept again goes', async () => {
    const given = randomCase('q8', 2);
    const latest = (from: number): Range[] => [
      [0, 4],
      [from, TOKENS],
    ];
    const [some, more] = [
      [latest(500), latest(900)],
      [latest(1000), latest(1050)],
    ];
    const anew = await attended(given, [more]);
    const grown = await attended(given, [some, more]);
    const again = await attended(given, [more, some]);
    expect(apart(grown.amended[1]!, anew.amended[0]!)).toBeLessThan(1e-6);
    expect(apart(again.amended[1]!, grown.amended[0]!)).toBeLessThan(1e-6);
    expect(apart(grown.amended[0]!, anew.amended[0]!)).toBeGreaterThan(1e-3);
  });

  test('where nothing is dropped nothing changes', async () => {
    const all: Range[][] = [[[0, TOKENS]], [[0, TOKENS]]];
    const found = await attended(randomCase('f16', 2), [all]);
    expect(found.amended[0]).toEqual(found.all);
  });
});

test('kernels for another model are refused', async () => {
  const backend = backends.get('reference')!;
  const shape: KvShape = { kvHeads: 2, keyDim: 16, valueDim: 16, keys: 'f16', values: 'f16' };
  const file = { layers: 1, heads: 4, kvHeads: 2, dim: 16, hidden: 4, rank: 2 };
  const partsOf = (heads: number) => ({
    ...{ backend, layers: [backend.kvLayer('kv', shape)], heads, scale: 0.25 },
    keepPages: () => undefined,
  });
  const opened = (other: Partial<typeof file>) => () =>
    less(kernelsIn(lessFile({ ...file, ...other })))(partsOf(4));
  expect(opened({})).not.toThrow();
  for (const other of [{ layers: 2 }, { heads: 8 }, { kvHeads: 1 }, { dim: 12 }])
    expect(opened(other)).toThrow(
      expect.objectContaining({ code: 'input/option', details: { option: 'retention.kernels' } }),
    );
  expect(() => kernelsIn(lessFile({ ...file, rank: 0 }))).toThrow(
    expect.objectContaining({ code: 'model/corrupt' }),
  );
});
