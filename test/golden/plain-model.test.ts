import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { fromHalf, toHalf } from '../support/half.js';
import { plainModel, tanhGelu } from '../support/plain-model.js';
import { agreement } from './agreement.js';
import { readGolden } from './golden.js';
import { BUNDLED, GENERATED } from './models.js';

// llama.cpp computed in f32 with its cache in f32, the plain model in f64; 1e-6 was measured, 5e-6 is the rounding of
// the recorded numbers. llama.cpp looks GELU up in a table of f16, and what f32 and f64 round to different halves is
// a half's step apart in every layer that follows: 3e-4 was measured after 62 layers.
const LIMIT = 1e-5;
const TABLE_LIMIT = 5e-4;

const MODELS = [...GENERATED, ...BUNDLED].filter(({ type }) => type === 'F32');
const half = (value: number): number => fromHalf(toHalf(value));
const tabled = (x: number): number => (Math.abs(x) < 10 ? half(tanhGelu(half(x))) : Math.max(x, 0));
// As much of a prompt as the plain model reads in a second or two.
const READABLE = 64;

test.each(MODELS)('the plain model is llama.cpp: $name', async (model) => {
  const bytes = await model.bytes();
  const gguf = await openGguf(openSource(bytes));
  await gguf.close();
  const readings = readGolden().readings.filter((reading) => reading.model === model.name);
  expect(readings).not.toEqual([]);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(readings[0]!.sha256);
  const plain = plainModel(gguf, bytes, { gelu: tabled });
  for (const { ids, at, top } of readings) {
    const near = at.filter((index) => index < READABLE);
    const rows = plain.logits(ids.slice(0, READABLE));
    const found = agreement(
      { top: top.slice(0, near.length) },
      near.map((index) => rows[index]!),
      0.001,
    );
    expect(found.difference).toBeLessThan(/^gemma/.test(model.name) ? TABLE_LIMIT : LIMIT);
    expect(found.flips).toBe(0);
    expect(found.decisive / near.length).toBeGreaterThan(0.8);
  }
});
