import { beforeAll, describe, expect, test } from 'vitest';
import { type KvShape, PAGE } from '../../src/backends/backend.js';
import { codecs } from '../../src/codecs/index.js';
import { keysAt, valuesAt } from '../../src/codecs/page-format.js';
import { codeOf } from '../support/code-of.js';
import { random } from '../support/random.js';
import { allPages, append, codecPairs, filled, makeCase, type StoredPages } from './attending.js';
import { expectEqual } from './compare.js';
import { makeRefPages } from './make-pages.js';

const expectSamePages = (found: Uint8Array[], wanted: Uint8Array[]): void => {
  expect(found.length).toBe(wanted.length);
  found.forEach((bytes, page) => {
    expectEqual(bytes, wanted[page]!, `page ${page}`);
  });
};

/** Codes and f16 numbers of a head's block of a page: halves as places in the order of all halves. */
const partsOf = (
  page: Uint8Array,
  codec: KvShape['values'],
  dim: number,
  at: number,
): { codes: number[]; halves: number[] } => {
  const end = at + codecs[codec].bytes(dim);
  const view = new DataView(page.buffer, page.byteOffset);
  const ordinals = (from: number, to: number): number[] =>
    Array.from({ length: (to - from) / 2 }, (_, i) => {
      const bits = view.getUint16(from + 2 * i, true);
      return bits & 0x8000 ? -(bits & 0x7fff) : bits;
    });
  if (codec === 'f16') return { codes: ordinals(at, at + PAGE * dim * 2), halves: [] };
  const bits = { q8: 8, q4: 4, q2: 2 }[codec];
  const middle = at + (PAGE * dim * bits) / 8;
  const codes = [...page.subarray(at, middle)].flatMap((byte) =>
    codec === 'q8'
      ? [(byte << 24) >> 24]
      : Array.from({ length: 8 / bits }, (_, i) => (byte >> (i * bits)) & (2 ** bits - 1)),
  );
  // Scales; in groups of 32 channels, scales and minima.
  const halves = ordinals(middle, end).slice(0, codec === 'q8' ? PAGE : 2 * PAGE * Math.ceil(dim / 32));
  expect(halves.length).toBe(codec === 'q8' ? PAGE : 2 * PAGE * Math.ceil(dim / 32));
  return { codes, halves };
};

/** What DESIGN.md allows between backends: scales one unit in the last place apart, codes 1 apart in at most 0.1 %. */
const expectCloseBlocks = (found: Uint8Array[], wanted: Uint8Array[], shape: KvShape): void => {
  expect(found.length).toBe(wanted.length);
  let [codes, differing] = [0, 0];
  for (const [page, bytes] of found.entries()) {
    for (let head = 0; head < shape.kvHeads; head++) {
      for (const [codec, dim, at] of [
        [shape.keys, shape.keyDim, keysAt(shape, head)],
        [shape.values, shape.valueDim, valuesAt(shape, head)],
      ] as const) {
        const [mine, theirs] = [bytes, wanted[page]!].map((some) => partsOf(some, codec, dim, at));
        theirs!.halves.forEach((half, i) => {
          expect(Math.abs(mine!.halves[i]! - half)).toBeLessThanOrEqual(1);
        });
        theirs!.codes.forEach((code, i) => {
          const far = Math.abs(mine!.codes[i]! - code);
          if (far > 1) expect.fail(`page ${page}: code ${i} of ${codec} is ${mine!.codes[i]}, not ${code}`);
          differing += far;
        });
        codes += theirs!.codes.length;
      }
    }
  }
  expect(differing / codes).toBeLessThanOrEqual(0.001);
};

/**
 * Pages as they are stored; `make` gives a fresh backend. With `exact` they agree with the definition to the byte, as
 * both WASM builds do, otherwise as far as backends must agree with each other. `few` is for a GPU in software.
 */
export const describeStoredPages = (
  name: string,
  make: () => Promise<StoredPages>,
  { exact = true, few = false }: { readonly exact?: boolean; readonly few?: boolean } = {},
): void => {
  const widths = few ? [16, 80, 256] : [16, 64, 80, 96, 128, 256];
  const pairs = few ? [codecPairs[2]!, codecPairs[4]!, codecPairs.at(-1)!] : codecPairs;
  describe(`stored pages: ${name}`, () => {
    let pages: StoredPages;
    const reference = makeRefPages();
    beforeAll(async () => {
      pages = await make();
    });

    describe('stored bytes', () => {
      const shapes = codecPairs.flatMap((codec) =>
        widths.map((dim) => ({ kvHeads: 2, keyDim: dim, valueDim: dim, ...codec })),
      );
      test.each(
        shapes,
      )('$keys keys and $values values of $keyDim channels are the definition’s', async (shape) => {
        const dim = shape.keyDim;
        const next = random(dim);
        const some = makeCase(shape, 2, 70, next);
        some.k.set([Number.NaN, Number.POSITIVE_INFINITY, -1e30, 1e-40, -0], 5 * dim);
        some.v.set([Number.NaN, Number.NEGATIVE_INFINITY, 1e30, 1e-7, -0], 9 * dim);
        some.k.fill(0, 6 * dim, 8 * dim);
        some.v.fill(0, 10 * dim, 12 * dim);
        // So small that neighbouring halves are far apart: scales must be rounded up for the codes to fit.
        for (let token = 20; token < 60; token++) {
          const width = 2 * dim;
          some.k.set(next.normals(width, 10 ** next.uniform(-8, -3)), token * width);
          some.v.set(next.normals(width, 10 ** next.uniform(-8, -3)), token * width);
        }
        const found = await allPages(pages, filled(pages, some));
        const wanted = await allPages(reference, filled(reference, some));
        if (exact) expectSamePages(found, wanted);
        else expectCloseBlocks(found, wanted, some.shape);
      });

      test('do not depend on how many tokens are appended at once', async () => {
        const next = random(2);
        for (const codec of pairs) {
          const some = makeCase({ kvHeads: 3, keyDim: 48, valueDim: 80, ...codec }, 3, 131, next);
          const kv = pages.kvLayer('test', some.shape);
          pages.mapPages(kv, 3);
          for (let from = 0; from < 131; ) {
            const to = Math.min(131, from + 1 + next.below(40));
            append(pages, kv, some, from, to);
            from = to;
          }
          expectSamePages(await allPages(pages, kv), await allPages(pages, filled(pages, some)));
        }
      });

      test('are overwritten token by token', async () => {
        const next = random(3);
        for (const codec of pairs) {
          const shape: KvShape = { kvHeads: 2, keyDim: 64, valueDim: 64, ...codec };
          const [old, fresh] = [makeCase(shape, 2, 200, next), makeCase(shape, 2, 200, next)];
          fresh.k.set(old.k.subarray(0, 100 * 128));
          fresh.v.set(old.v.subarray(0, 100 * 128));
          const kv = filled(pages, old);
          append(pages, kv, fresh, 100, 200);
          expectSamePages(await allPages(pages, kv), await allPages(pages, filled(pages, fresh)));
        }
      });

      test('survive a longer table and go with a shorter one', async () => {
        const some = makeCase(
          { kvHeads: 2, keyDim: 32, valueDim: 32, keys: 'q8', values: 'q4' },
          2,
          300,
          random(4),
        );
        const kv = filled(pages, some);
        const before = await allPages(pages, kv);
        pages.mapPages(kv, 70);
        expect(kv.pages).toBe(70);
        expectSamePages((await allPages(pages, kv)).slice(0, 5), before);
        pages.mapPages(kv, 2);
        expect(kv.pages).toBe(2);
        pages.mapPages(kv, 5);
        const after = await allPages(pages, kv);
        expectSamePages(after.slice(0, 2), before.slice(0, 2));
        // Memory that is given again must not show an older text.
        for (const bytes of after.slice(2)) expect(bytes.every((byte) => byte === 0)).toBe(true);
      });
    });

    describe('cold pages', () => {
      const shape: KvShape = { kvHeads: 2, keyDim: 48, valueDim: 80, keys: 'q8', values: 'q4' };

      test('have a place and no memory, and come back as they were', async () => {
        const kv = filled(pages, makeCase(shape, 2, 300, random(50)));
        const before = await allPages(pages, kv);
        pages.dropPages(kv, [0, 3, 4, 3]);
        expect([kv.pages, kv.resident]).toEqual([5, 2]);
        expect([0, 1, 2, 3, 4].map((page) => kv.isCold(page))).toEqual([true, false, false, true, true]);
        for (const page of [3, 0, 4]) pages.writePage(kv, page, before[page]!);
        expect([kv.pages, kv.resident]).toEqual([5, 5]);
        expectSamePages(await allPages(pages, kv), before);
      });

      test('are mapped without memory, between pages that have some', async () => {
        const some = makeCase(shape, 2, 400, random(51));
        const kv = pages.kvLayer('test', shape);
        pages.mapPages(kv, 2);
        pages.mapPages(kv, 5, true);
        pages.mapPages(kv, 7);
        expect([kv.pages, kv.resident]).toEqual([7, 4]);
        expect([0, 1, 2, 3, 4, 5, 6].filter((page) => kv.isCold(page))).toEqual([2, 3, 4]);
        expect((await pages.readPage(kv, 6)).every((byte) => byte === 0)).toBe(true);
        const wanted = await allPages(pages, filled(pages, some));
        for (const page of [2, 3, 4]) pages.writePage(kv, page, wanted[page]!);
        append(pages, kv, some, 0, 128);
        append(pages, kv, some, 320, 400);
        expectSamePages(await allPages(pages, kv), wanted);
        pages.dropPages(kv, [1, 5]);
        pages.mapPages(kv, 1);
        expect([kv.pages, kv.resident]).toEqual([1, 1]);
        pages.mapPages(kv, 3);
        expect([kv.pages, kv.resident]).toEqual([3, 3]);
      });

      test('are an error to whoever reads or appends', async () => {
        const some = makeCase(shape, 2, 300, random(54));
        const kv = filled(pages, some);
        pages.dropPages(kv, [1, 2]);
        const internal = { code: 'internal' };
        await expect((async () => pages.readPage(kv, 1))()).rejects.toMatchObject(internal);
        expect(() => append(pages, kv, some, 180, 200)).toThrow(expect.objectContaining(internal));
        append(pages, kv, some, 192, 200);
      });
    });

    describe('refuse', () => {
      const shape: KvShape = { kvHeads: 1, keyDim: 64, valueDim: 64, keys: 'q8', values: 'q8' };

      test.each([0, 8, 40, 72.5, 1040, -16])('heads of %s channels', (dim) => {
        expect(codeOf(() => pages.kvLayer('x', { ...shape, keyDim: dim }))).toBe('unsupported/architecture');
        expect(codeOf(() => pages.kvLayer('x', { ...shape, valueDim: dim }))).toBe(
          'unsupported/architecture',
        );
      });

      test('codecs that pages do not have', () => {
        expect(codeOf(() => pages.kvLayer('x', { ...shape, keys: 'q2' as 'q8' }))).toBe('input/option');
        expect(codeOf(() => pages.kvLayer('x', { ...shape, values: 'q5' as 'q8' }))).toBe('input/option');
      });

      test('tokens without pages, and bytes and tensors of another shape', () => {
        const kv = pages.kvLayer('x', shape);
        pages.mapPages(kv, 1);
        const k = pages.tensor('k', 65, 64);
        expect(codeOf(() => pages.appendKv(kv, k, k, 0))).toBe('internal');
        const short = pages.tensor('short', 1, 32);
        expect(codeOf(() => pages.appendKv(kv, short, short, 0))).toBe('internal');
        expect(codeOf(() => pages.writePage(kv, 1, new Uint8Array(kv.pageBytes)))).toBe('internal');
        expect(codeOf(() => pages.writePage(kv, 0, new Uint8Array(3)))).toBe('internal');
      });
    });
  });
};
