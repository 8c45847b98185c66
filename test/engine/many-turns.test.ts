/** Two hundred turns of one kept session within a budget for a part of them: what is held stays flat. */
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { randomModel } from '../support/random-model.js';

const TURNS = 200;

test('memory is flat over two hundred turns', async () => {
  const bytes = randomModel({
    ...{ architecture: 'llama', type: 'Q8_0', tokenizer: 'llama-bpe', seed: 3, layers: 2 },
    ...{ dim: 64, hidden: 96, heads: 2, kvHeads: 2 },
  });
  const model = await load(bytes, {
    kernelsUrl,
    ...{ threads: 1, maxTokens: 16_384, attention: { method: 'dhsa', budget: 128 } },
    kv: { store: 'memory', memory: '3MB' },
  });
  const session = await model.session({ id: 'talk' });
  const used: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const question = `Turn ${turn}: who climbed the spiral stairs before dawn, and why was the lamp dark?`;
    await session.ask(question, { continue: true, maxTokens: 4, ignoreStops: true }).text();
    const { memory, bytes: held } = await session.stats();
    used.push(memory.used);
    // The pages of all turns together would not fit.
    if (turn === TURNS - 1) expect(held.pages).toBeLessThan(memory.budget);
  }
  const { tokens, memory, pagesResident } = await session.stats();
  expect(tokens).toBeGreaterThan(4096);
  expect(pagesResident).toBeLessThan(2 * Math.floor(tokens / 64));
  expect(Math.max(...used)).toBeLessThanOrEqual(memory.budget);
  await model.close();
}, 60_000);
