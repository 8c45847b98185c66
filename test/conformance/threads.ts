import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Backend, Tensor } from '../../src/backends/backend.js';
import type { WasmBackend } from '../../src/backends/wasm/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { random } from '../support/random.js';
import { expectEqual } from './compare.js';
import { tensorOf, walk } from './walk.js';
import { randomRows, weightOf } from './weights.js';

/** Any number of threads gives the bits of one; a product that waits is never late. */
export const describeThreads = (
  name: string,
  make: (threads: number) => Promise<WasmBackend>,
  counts: readonly number[],
): void => {
  describe(`threads: ${name}`, () => {
    let one: WasmBackend;
    let teams: WasmBackend[];
    beforeAll(async () => {
      one = await make(1);
      teams = await Promise.all(counts.map(make));
    });
    afterAll(() => {
      for (const backend of [one, ...teams]) backend.close();
    });

    test('as many as were asked for', () => {
      expect(one.threads).toBe(1);
      expect(teams.map(({ threads }) => threads)).toEqual(counts);
      expect(teams.map(({ build }) => build)).toEqual(counts.map(() => one.build));
    });

    test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])('walk %i ends in the same bits', async (start) => {
      const wanted = await walk(one, start, 60);
      expect(wanted.flatMap((values) => [...values]).some(Number.isFinite)).toBe(true);
      for (const team of teams) {
        const found = await walk(team, start, 60);
        found.forEach((values, i) => {
          expectEqual(values, wanted[i]!, `${team.threads} threads, tensor ${i}`);
        });
      }
    });

    test('one plane of a long text is divided inside a list', async () => {
      const pages = 157;
      const shape = { kvHeads: 1, keyDim: 16, valueDim: 16, keys: 'q8', values: 'q8' } as const;
      const boundaries = { source: 'fixed', size: 32 } as const;
      const rows = random(5).normals(pages * 64 * 16);
      const queries = random(6).normals(3 * 2 * 16);
      const scored = async (b: Backend): Promise<Float32Array[]> => {
        const kv = b.kvLayer('kv', shape);
        const text = tensorOf(b, pages * 64, 16, rows);
        b.mapPages(kv, pages);
        b.appendKv(kv, text, text, 0);
        const index = b.chunkIndex('chunks', {
          ...{ boundaries, layers: 1, kvHeads: 1, keyDim: 16, means: false, sketches: true },
        });
        b.segment(index, kv, pages * 64, new Uint8Array(pages * 64));
        b.summarize(index, 0, kv);
        const scores = b.scores('scores', 1);
        const found: Float32Array[] = [];
        for (const asking of [1, 3]) {
          const q = tensorOf(b, asking, 32, queries.subarray(0, asking * 32));
          const tiles = { position: pages * 64, rows: asking, tileRows: 1 };
          b.scoreChunks(scores, q, index, 0, tiles, { by: 'sketch', planes: 1, scale: 0.25 });
          found.push(...(await b.readScores(scores)));
        }
        return found;
      };
      const wanted = await scored(one);
      expect(wanted.map(({ length }) => length)).toEqual([628, 628, 628, 628]);
      expect(new Set(wanted[3]).size).toBeGreaterThan(600);
      for (const team of teams) {
        (await scored(team)).forEach((values, row) => {
          expectEqual(values, wanted[row]!, `${team.threads} threads, row ${row}`);
        });
      }
    });

    test('attention of one row is divided inside a list', async () => {
      const [kvHeads, pages] = [3, 16];
      const rows = random(7).normals(pages * 64 * kvHeads * 16);
      // Three and five query heads of a KV head: of parts one is larger.
      const queries = random(8).normals(5 * kvHeads * 16);
      const attended = async (b: Backend): Promise<Float32Array[]> => {
        const found: Float32Array[] = [];
        for (const values of ['q8', 'q4', 'q2'] as const) {
          const kv = b.kvLayer('kv', { kvHeads, keyDim: 16, valueDim: 16, keys: 'q8', values });
          b.mapPages(kv, pages);
          const text = tensorOf(b, pages * 64, kvHeads * 16, rows);
          b.appendKv(kv, text, text, 0);
          for (const group of [3, 5]) {
            const cols = group * kvHeads * 16;
            const [q, out] = [tensorOf(b, 1, cols, queries.subarray(0, cols)), b.tensor('out', 1, cols)];
            const logSumExp = b.tensor('lse', 1, group * kvHeads);
            const plan = b.plan('plan', kvHeads);
            const all = { sinks: 0, local: 0, budget: Number.POSITIVE_INFINITY };
            b.select(plan, { position: pages * 64 - 1, rows: 1, tileRows: 1 }, all);
            b.attend(out, q, kv, plan, { scale: 0.25, logSumExp });
            found.push(await b.read(out), await b.read(logSumExp));
          }
        }
        return found;
      };
      const wanted = await attended(one);
      expect(new Set(wanted[2]).size).toBeGreaterThan(200);
      for (const team of teams) {
        (await attended(team)).forEach((values, i) => {
          expectEqual(values, wanted[i]!, `${team.threads} threads, tensor ${i}`);
        });
      }
    });

    test('whatever writes its input comes after a product that was called before', async () => {
      const [rows, n, k] = [9, 112, 160];
      const seed = random(3);
      const values = seed.normals(rows * k);
      const bytes = randomRows(seed, 'Q8_0', n, k);
      const reference = createRefBackend();
      const table = randomRows(seed, 'F32', rows, k);
      const square = randomRows(seed, 'F32', k, k);
      const writers: Record<string, (b: Backend, x: Tensor) => void> = {
        upload: (b, x) => b.upload(x, new Float32Array(rows * k).fill(2)),
        'upload of a part': (b, x) => b.upload(b.view(x, 1, k, 3 * k), new Float32Array(k).fill(2)),
        embed: (b, x) =>
          b.embed(
            x,
            weightOf(b, 'F32', rows, k, table),
            Array.from({ length: rows }, (_, row) => row),
          ),
        rmsNorm: (b, x) =>
          b.rmsNorm(x, x, weightOf(b, 'F32', 1, k, new Uint8Array(new Float32Array(k).fill(1).buffer)), 1e-5),
        rope: (b, x) => b.rope(x, tensorOf(b, rows, 4, new Float32Array(rows * 4).fill(0.5)), 'half'),
        gate: (b, x) => b.gate(x, x, 'silu'),
        add: (b, x) => b.add(x, x),
        matmul: (b, x) => b.matmul(x, tensorOf(b, rows, k, values), weightOf(b, 'F32', k, k, square)),
        free: (b, x) => {
          b.free(x);
          b.upload(b.tensor('instead', rows, k), new Float32Array(rows * k).fill(3));
        },
      };
      for (const backend of [one, ...teams]) {
        for (const [verb, write] of Object.entries(writers)) {
          const run = async (b: Backend): Promise<Float32Array[]> => {
            const w = weightOf(b, 'Q8_0', n, k, bytes);
            const x = tensorOf(b, rows, k, values);
            const outs = [b.tensor('before', rows, n), b.tensor('after', rows, n)];
            b.matmul(outs[0]!, x, w);
            write(b, x);
            if (verb !== 'free') b.matmul(outs[1]!, x, w);
            else b.upload(outs[1]!, new Float32Array(rows * n));
            return Promise.all(outs.map((out) => b.read(out)));
          };
          // What the product before the write must be: nothing else has been called.
          const alone = tensorOf(backend, rows, k, values);
          const out = backend.tensor('alone', rows, n);
          backend.matmul(out, alone, weightOf(backend, 'Q8_0', n, k, bytes));
          const wanted = await backend.read(out);
          const [before, after] = await run(backend);
          expectEqual(before!, wanted, `before ${verb}`);
          const [, expected] = await run(reference);
          const worst = after!.reduce((most, value, i) => Math.max(most, Math.abs(value - expected![i]!)), 0);
          const greatest = expected!.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
          expect(worst / greatest, `after ${verb}`).toBeLessThan(1e-3);
          if (verb !== 'free') {
            const moved = after!.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0);
            expect(moved / greatest, `${verb} changed something`).toBeGreaterThan(1e-3);
          }
        }
      }
    });
  });
};
