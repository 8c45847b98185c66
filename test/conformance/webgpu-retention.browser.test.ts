import { expect, test } from 'vitest';
import type { Backend, Range } from '../../src/backends/backend.js';
import { checkPlan } from '../../src/backends/check-plan.js';
import { createPolicy } from '../../src/policies/index.js';
import { createRetention } from '../../src/policies/retention.js';
import { createPredictor } from '../support/predictors.js';
import { random } from '../support/random.js';
import { makeRefBackend } from './make-backend.js';
import { makeGpuBackend } from './make-gpu.js';
import { createReading, putPages, type Reading, tensorOf } from './reading.js';

const TOKENS = 330;
const ROWS = 20;

/** Plans of an answer's row, once a question was observed on this backend. */
const keptOn = async (backend: Backend, reading: Reading): Promise<Range[][]> => {
  const kv = putPages(backend, reading);
  const { heads, shape } = reading;
  const scale = 1 / Math.sqrt(shape.keyDim);
  const policy = createPolicy({ policy: 'snap-kv', budget: 120, recent: 8, values: true })!;
  const parts = { backend, layers: [kv], heads, scale, keepPages: () => undefined };
  const retention = createRetention(policy, parts);
  const predictor = retention.over(createPredictor({ method: 'dense' }), 0);
  const out = backend.plan('out', shape.kvHeads);
  const width = heads * shape.keyDim;
  const planOf = async (position: number, rows: number, answering: boolean): Promise<Range[][]> => {
    const q = tensorOf(backend, rows, width, random(9).normals(rows * width));
    const tiles = { position, rows, tileRows: 1 };
    await retention.begin(position, position + rows, answering);
    predictor.plan(backend, { layer: 0, tiles, q, kv, scale }, out);
    if (retention.observes(tiles)) await retention.observe(0, q, out);
    return (await backend.readPlan(out)).map((row) => [...row]);
  };
  const asked = await planOf(TOKENS - ROWS - 1, ROWS, false);
  expect(asked.every((row) => row.length === 1 && row[0]![0] === 0)).toBe(true);
  const rows = await planOf(TOKENS - 1, 1, true);
  checkPlan(shape.kvHeads, { position: TOKENS - 1, rows: 1, tileRows: 1 }, rows);
  expect(retention.kept(TOKENS)).toBeLessThanOrEqual(121);
  retention.release();
  return rows;
};

test('what a question looks at on a GPU is what it looks at on the reference', async () => {
  const reading = await createReading({ tokens: TOKENS, kvHeads: 2, group: 3, dim: 48 });
  const [found, wanted] = [
    await keptOn(await makeGpuBackend(), reading),
    await keptOn(await makeRefBackend(), reading),
  ];
  expect(found).toEqual(wanted);
  expect(found[0]).not.toEqual(found[1]);
});
