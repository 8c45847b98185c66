import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Backend,
  type KvLayer,
  mixedChannels,
  PAGE,
  type Recurrence,
  type StateShape,
  TAPS,
  type Weight,
} from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { codeOf } from '../support/code-of.js';
import { random } from '../support/random.js';
import { expectEqual, expectWithin } from './compare.js';
import { tolerance } from './tolerance.js';
import { tensorOf } from './walk.js';
import { weightOf } from './weights.js';

/** The least there is; odd numbers of heads; wide ones; a published model's. */
const SHAPES: readonly StateShape[] = [
  { heads: 1, headDim: 4, state: 4 },
  { heads: 3, headDim: 12, state: 20 },
  { heads: 7, headDim: 20, state: 16 },
  { heads: 24, headDim: 64, state: 128 },
];

/** Everything that a layer with a state is given for so many rows. */
const caseOf = (shape: StateShape, rows: number, seed: number) => {
  const next = random(seed);
  const { heads } = shape;
  const channels = mixedChannels(shape);
  return {
    shape,
    rows,
    x: next.normals(rows * channels),
    steps: next.normals(rows * heads),
    vectors: {
      conv: next.normals(channels * TAPS).map((x) => x / 2),
      convBias: next.normals(channels).map((x) => x / 4),
      stepBias: next.normals(heads),
      decay: next.normals(heads).map((x) => -Math.abs(x)),
      skip: next.normals(heads),
    },
  };
};
type Case = ReturnType<typeof caseOf>;

const layerOf = (backend: Backend, state: StateShape): KvLayer =>
  backend.kvLayer('states', {
    ...{ kvHeads: 0, keyDim: 0, valueDim: 0, keys: 'f16', values: 'f16' },
    state,
  });

const vectorsOf = (backend: Backend, { vectors }: Case): Recurrence => {
  const vector = (values: Float32Array): Weight =>
    weightOf(backend, 'F32', 1, values.length, new Uint8Array(values.slice().buffer));
  return {
    conv: vector(vectors.conv),
    convBias: vector(vectors.convBias),
    stepBias: vector(vectors.stepBias),
    decay: vector(vectors.decay),
    skip: vector(vectors.skip),
  };
};

/** Reads the rows in calls that end at `ends`; what they got, and the layer. */
const readIn = async (backend: Backend, one: Case, ends: readonly number[]) => {
  const { shape, x, steps } = one;
  const channels = mixedChannels(shape);
  const inner = shape.heads * shape.headDim;
  const w = vectorsOf(backend, one);
  const kv = layerOf(backend, shape);
  const out = new Float32Array(one.rows * inner);
  let from = 0;
  for (const end of ends) {
    const rows = end - from;
    const mixed = tensorOf(backend, rows, channels, x.slice(from * channels, end * channels));
    const lengths = tensorOf(backend, rows, shape.heads, steps.slice(from * shape.heads, end * shape.heads));
    const got = backend.tensor('out', rows, inner);
    backend.mapPages(kv, Math.ceil(end / PAGE), true);
    backend.recur!(got, mixed, lengths, kv, w, from);
    out.set(await backend.read(got), from * inner);
    for (const tensor of [mixed, lengths, got]) backend.free(tensor);
    from = end;
  }
  for (const weight of Object.values(w)) backend.free(weight as Weight);
  return { out, kv };
};

const greatestOf = (values: Float32Array): number =>
  values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

const warm = (kv: KvLayer): number[] =>
  Array.from({ length: kv.pages }, (_, page) => page).filter((page) => !kv.isCold(page));

/** Layers with a state agree with the specification, and do not notice how rows are cut into calls. */
export const describeStates = (name: string, make: () => Promise<Backend>): void => {
  describe(`states: ${name}`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await make();
    });
    afterAll(() => backend.close());

    test.each(SHAPES)('as specified: $heads heads of $headDim × $state', async (shape) => {
      const one = caseOf(shape, 150, 11);
      const reference = createRefBackend();
      const wanted = await readIn(reference, one, [150]);
      const found = await readIn(backend, one, [150]);
      const greatest = greatestOf(wanted.out);
      expectWithin(found.out, wanted.out, () => tolerance.recurrence * greatest);
      expect(warm(found.kv)).toEqual(warm(wanted.kv));
      for (const page of warm(found.kv)) {
        const state = new Float32Array((await backend.readPage(found.kv, page)).slice().buffer);
        const own = new Float32Array((await reference.readPage(wanted.kv, page)).slice().buffer);
        const most = greatestOf(own);
        expectWithin(state, own, () => tolerance.recurrence * most, `page ${page}`);
      }
      backend.free(found.kv);
    });

    test.each([
      { what: 'a few rows first', ends: [1, 2, 3, 4, 5, 150] },
      { what: 'around pages', ends: [63, 64, 65, 127, 128, 129, 150] },
      { what: 'page by page', ends: [64, 128, 150] },
      { what: 'row by row', ends: Array.from({ length: 150 }, (_, row) => row + 1) },
    ])('the same bits however rows are cut into calls: $what', async ({ ends }) => {
      for (const shape of SHAPES.slice(1)) {
        const one = caseOf(shape, 150, 12);
        const whole = await readIn(backend, one, [150]);
        const cut = await readIn(backend, one, ends);
        expectEqual(cut.out, whole.out);
        for (const page of warm(whole.kv)) {
          const bits = async ({ kv }: typeof whole) =>
            new Uint32Array((await backend.readPage(kv, page)).slice().buffer);
          expect(await bits(cut)).toEqual(await bits(whole));
        }
        backend.free(whole.kv);
        backend.free(cut.kv);
      }
    });

    test('a state goes on from its page, wherever that was meanwhile', async () => {
      const one = caseOf(SHAPES[1]!, 200, 13);
      const whole = await readIn(backend, one, [200]);
      const first = await readIn(backend, one, [128]);
      const other = layerOf(backend, one.shape);
      backend.mapPages(other, 2, true);
      backend.writePage(other, 1, await backend.readPage(first.kv, 1));
      backend.free(first.kv);
      const inner = one.shape.heads * one.shape.headDim;
      const got = await goOn(backend, one, other, 128);
      expectEqual(got, whole.out.subarray(128 * inner));
      backend.free(whole.kv);
      backend.free(other);
    });

    test('a state that is not there is an error, not nonsense', async () => {
      const one = caseOf(SHAPES[1]!, 100, 14);
      const { kv } = await readIn(backend, one, [100]);
      await expect(goOn(backend, one, kv, 70)).rejects.toMatchObject({ code: 'internal' });
      backend.dropPages(kv, [0]);
      await expect(goOn(backend, one, kv, 64)).rejects.toMatchObject({ code: 'internal' });
      backend.free(kv);
      const shape = (part: Partial<StateShape>): StateShape => ({ ...SHAPES[1]!, ...part });
      for (const odd of [{ headDim: 6 }, { state: 2 }, { heads: 0 }])
        expect(codeOf(() => layerOf(backend, shape(odd)))).toBe('unsupported/architecture');
    });

    test('numbers are scaled in place', async () => {
      const values = random(15).normals(3 * 33);
      const tensor = tensorOf(backend, 3, 33, values);
      backend.scale!(tensor, 0.22);
      expectEqual(
        await backend.read(tensor),
        values.map((x) => x * Math.fround(0.22)),
      );
      backend.free(tensor);
    });
  });
};

/** Rows from `from` to the last in one call. */
const goOn = async (backend: Backend, one: Case, kv: KvLayer, from: number): Promise<Float32Array> => {
  const { shape, rows } = one;
  const channels = mixedChannels(shape);
  const count = rows - from;
  backend.mapPages(kv, Math.ceil(rows / PAGE), true);
  const got = backend.tensor('out', count, shape.heads * shape.headDim);
  backend.recur!(
    got,
    tensorOf(backend, count, channels, one.x.slice(from * channels)),
    tensorOf(backend, count, shape.heads, one.steps.slice(from * shape.heads)),
    kv,
    vectorsOf(backend, one),
    from,
  );
  return backend.read(got);
};
