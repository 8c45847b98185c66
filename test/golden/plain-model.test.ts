import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/source.js';
import { plainModel } from '../support/plain-model.js';
import { agreement } from './agreement.js';
import { readGolden } from './golden.js';
import { GENERATED } from './models.js';

// llama.cpp computed in f32 with its cache in f32, the plain model in f64; 1e-6 was measured, 5e-6 is the rounding of
// the recorded numbers.
const LIMIT = 1e-5;

test.each(
  GENERATED.filter(({ type }) => type === 'F32'),
)('the plain model is llama.cpp: $name', async (model) => {
  const bytes = await model.bytes();
  const gguf = await openGguf(openSource(bytes));
  await gguf.close();
  for (const reading of readGolden().readings.filter((candidate) => candidate.model === model.name)) {
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(reading.sha256);
    const rows = plainModel(gguf, bytes).logits(reading.ids);
    const found = agreement(
      reading,
      reading.at.map((index) => rows[index]!),
      0.001,
    );
    expect(found.difference).toBeLessThan(LIMIT);
    expect(found.flips).toBe(0);
    expect(found.decisive).toBeGreaterThan(40);
  }
});
