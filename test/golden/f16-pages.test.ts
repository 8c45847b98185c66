import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { fromHalf, toHalf } from '../support/half.js';
import { kernelsUrl } from '../support/kernels.js';
import { plainModel } from '../support/plain-model.js';
import { GENERATED, generatedIds, PAIRS, ROUTED, SHARED, WIDTHS } from './models.js';

// Greatest difference of any logit. Both round keys and values to f16; what is left is f32 against f64, and numbers that
// round the other way for it. 6e-4 was measured.
const LIMIT = 2e-3;

// Depth alone is nothing new, and slow to compute plainly.
const MODELS = [...GENERATED, ...WIDTHS, ...PAIRS, ...ROUTED, ...SHARED].filter(
  ({ type, options: { layers = 3 } }, index) => type === 'F32' && layers <= 12 && index > 0,
);

test.each(MODELS)('with f16 pages the engine computes what the plain model does: $name', async (golden) => {
  const bytes = await golden.bytes();
  const gguf = await openGguf(openSource(bytes));
  await gguf.close();
  // Longer than a page, and not whole tiles.
  const ids = [...generatedIds(golden), ...generatedIds({ ...golden, read: 83 }).reverse()].slice(0, 83);
  const plain = plainModel(gguf, bytes, { cached: (value) => fromHalf(toHalf(value)) }).logits(ids);

  const model = await load(bytes, {
    kernelsUrl,
    attention: { method: 'dense' },
    kv: { keys: 'f16', values: 'f16', store: 'none' },
  });
  const context = await model.context();
  let read = 0;
  let most = 0;
  for (const end of [1, 2, 30, 64, 65, 83]) {
    await context.append(ids.slice(read, end));
    const logits = await context.logits();
    plain[end - 1]!.forEach((expected, id) => {
      most = Math.max(most, Math.abs(logits[id]! - expected));
    });
    read = end;
  }
  await model.close();
  expect(most).toBeLessThan(LIMIT);
});
