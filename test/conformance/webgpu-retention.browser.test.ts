import { describe, expect, test } from 'vitest';
import type { Backend, Range } from '../../src/backends/backend.js';
import { checkPlan } from '../../src/backends/check-plan.js';
import { expected } from '../../src/policies/expected.js';
import { createPolicy, type RetentionOptions } from '../../src/policies/index.js';
import type { Policy } from '../../src/policies/policy.js';
import { createRetention } from '../../src/policies/retention.js';
import { lessFile } from '../support/less-file.js';
import { createPredictor } from '../support/predictors.js';
import { random } from '../support/random.js';
import { makeRefBackend } from './make-backend.js';
import { makeGpuBackend } from './make-gpu.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

const TOKENS = 330;
const ROWS = 20;
const HEADS = 6;
const DIM = 48;
const KERNELS = { layers: 2, heads: HEADS, kvHeads: 2, dim: DIM, hidden: 20, rank: 4 };

interface Kept {
  readonly asked: Range[][];
  readonly rows: Range[][];
  readonly attended: Float32Array;
}

/** Plans of an answer's row in the last layer, once a question was observed on this backend, and what its attention comes to. */
const keptOn = async (backend: Backend, policy: Policy, reading: Reading): Promise<Kept> => {
  const layers = reading.pages.map((_, layer) => putPages(backend, reading, layer));
  const { heads, shape } = reading;
  const scale = 1 / Math.sqrt(shape.keyDim);
  const parts = { backend, layers, heads, scale, keepPages: () => undefined };
  const retention = createRetention(policy, parts);
  const predictors = layers.map((_, layer) => retention.over(createPredictor({ method: 'dense' }), layer));
  const out = backend.plan('out', shape.kvHeads);
  const width = heads * shape.keyDim;
  const attended = backend.tensor('attended', 1, width);
  const planOf = async (position: number, rows: number, answering: boolean): Promise<Range[][]> => {
    const q = tensorOf(backend, rows, width, random(9).normals(rows * width));
    const tiles = { position, rows, tileRows: 1 };
    await retention.begin(position, position + rows, answering);
    for (const [layer, kv] of layers.entries()) {
      predictors[layer]!.plan(backend, { layer, tiles, q, kv, scale }, out);
      if (retention.observes(tiles)) await retention.observe(layer, q, out);
      if (!answering) continue;
      const amendment = retention.amendment(layer, 1);
      backend.attend(attended, q, kv, out, { scale, ...(amendment && { logSumExp: amendment.logSumExp }) });
      await amendment?.amend(q, attended, out);
    }
    return (await backend.readPlan(out)).map((row) => [...row]);
  };
  const asked = await planOf(TOKENS - ROWS - 1, ROWS, false);
  const rows = await planOf(TOKENS - 1, 1, true);
  checkPlan(shape.kvHeads, { position: TOKENS - 1, rows: 1, tileRows: 1 }, rows);
  const found = (await backend.read(attended)).slice();
  retention.release();
  return { asked, rows, attended: found };
};

const some = { budget: 120, recent: 8 } as const;
const moments = Array.from({ length: HEADS }, (_, head) => ({
  mean: random(30 + head).normals(DIM),
  covariance: Float32Array.from({ length: DIM * DIM }, (_, at) => Number(at % (DIM + 1) === 0)),
}));
const policies: readonly (readonly [string, Policy])[] = [
  ...(
    [
      { policy: 'snap-kv', ...some, values: true },
      { policy: 'snap-kv', ...some, evicted: 'mean' },
      { policy: 'h2o', ...some, evicted: 'less', kernels: lessFile(KERNELS) },
      { policy: 'h2o', ...some, every: 1 },
      { policy: 'a2sf', ...some, heads: 'ada' },
      { policy: 'pyramid-infer', share: 0.3, recent: 8 },
      { policy: 'sinks-window', window: 90, reading: false },
      {
        policy: 'duo',
        heads: [
          [1, 0],
          [1, 0],
        ],
        sinks: 4,
        recent: 90,
        reading: false,
      },
    ] satisfies RetentionOptions[]
  ).map((options) => [createPolicy(options)!.signature, createPolicy(options)!] as const),
  ['expected', expected({ policy: 'expected', ...some }, [moments, moments])],
];

describe('what is kept on a GPU is what is kept on the reference', () => {
  test.each(policies)('%s', async (_, policy) => {
    const reading = await createReading({
      tokens: TOKENS,
      layers: 2,
      kvHeads: 2,
      group: HEADS / 2,
      dim: DIM,
    });
    const [found, wanted] = [
      await keptOn(await makeGpuBackend(), policy, reading),
      await keptOn(await makeRefBackend(), policy, reading),
    ];
    expect(found.rows).toEqual(wanted.rows);
    // Something was dropped.
    const tokens = found.rows.map((row) => row.reduce((sum, [from, to]) => sum + to - from, 0));
    expect(Math.min(...tokens)).toBeLessThan(TOKENS / 2);
    const most = wanted.attended.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    for (const [i, x] of wanted.attended.entries())
      expect(Math.abs(found.attended[i]! - x)).toBeLessThan(2e-3 * most);
  });

  test('and so are weights that are calibrated', async () => {
    const reading = await createReading({
      tokens: TOKENS,
      layers: 2,
      kvHeads: 2,
      group: HEADS / 2,
      dim: DIM,
    });
    const heads = [
      [true, true],
      [true, true],
    ];
    const policy = createPolicy({ policy: 'act', threshold: 0.004, beta: 0.1, heads })!;
    const [found, wanted, as] = [
      await keptOn(await makeGpuBackend(), policy, reading),
      await keptOn(await makeRefBackend(), policy, reading),
      await keptOn(await makeRefBackend(), createPolicy({ policy: 'act', beta: 1 })!, reading),
    ];
    expect(found.rows).toEqual(wanted.rows);
    const far = (a: Float32Array, b: Float32Array): number =>
      a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0);
    const most = far(wanted.attended, new Float32Array(wanted.attended.length));
    expect(far(found.attended, wanted.attended)).toBeLessThan(2e-3 * most);
    expect(far(as.attended, wanted.attended)).toBeGreaterThan(2e-2 * most);
  });
});
