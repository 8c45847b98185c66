/**
 * What the kernels compute has a version, by which stored pages are known to be bit-equal to those computed now. Nobody
 * remembers to raise it; this digest does. Kernels of the plain build, in Node.
 *
 * Where it differs: raise NUMERICS, say there what changed, and record `RECORD=1 npx vitest run --project node
 * test/engine/numerics.test.ts`.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NUMERICS } from '../../src/backends/wasm/numerics.js';
import { Context } from '../../src/generate/context.js';
import { book, flattened, openBundled } from './bundled.js';
import { everything } from './everything.js';

const RECORDED = new URL('../golden/numerics.json', import.meta.url);

/** Pages, chunks, plans and logits after a text and a question that choose. */
const digestOf = async (
  keys: 'q8' | 'q4' | 'f16',
  values: 'q8' | 'q4' | 'q2' | 'f16',
  file?: Uint8Array<ArrayBuffer>,
): Promise<string> => {
  const attention = { method: 'dhsa', budget: 192 } as const;
  const model = await openBundled({ attention, threads: 1, kv: { store: 'none', keys, values } }, file);
  const ids = (await model.tokenizer.encode(book().slice(5000, 8000))).slice(0, 700);
  const context = new Context(model.reader);
  await context.append(ids.slice(0, 600), false);
  await context.append(ids.slice(600, 690), true);
  for (const id of ids.slice(690)) {
    context.push(id);
    await context.catchUp();
  }
  const found = createHash('sha256').update(JSON.stringify(await everything(model, context)));
  context.close();
  await model.close();
  return found.digest('hex').slice(0, 16);
};

test('what the kernels compute is what was recorded for their version', async () => {
  const digests = {
    'q8/q8': await digestOf('q8', 'q8'),
    'q8/q4': await digestOf('q8', 'q4'),
    'q8/q2': await digestOf('q8', 'q2'),
    'q4/q4': await digestOf('q4', 'q4', await flattened()),
    'f16/f16': await digestOf('f16', 'f16'),
  };
  const found = { numerics: NUMERICS, simd128: digests };
  if (process.env.RECORD) writeFileSync(RECORDED, `${JSON.stringify(found, null, 2)}\n`);
  const recorded = JSON.parse(readFileSync(RECORDED, 'utf8'));
  expect(recorded.numerics, 'This version of the kernels is not recorded yet').toBe(NUMERICS);
  expect(digests, 'Raise NUMERICS: stored pages would be taken for those computed now').toEqual(
    recorded.simd128,
  );
});
