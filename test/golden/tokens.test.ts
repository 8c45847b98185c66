import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { load } from '../../src/engine/index.js';
import { kernelsUrl } from '../support/kernels.js';
import { readGoldenTokens } from './golden.js';
import { TOKENIZED } from './models.js';
import { TEXTS } from './texts.js';

const { texts, models } = readGoldenTokens();

test('the texts are the recorded ones', () => expect(TEXTS).toEqual(texts));

test.each(TOKENIZED)('tokens as llama.cpp makes them: $name', async ({ name, bytes }) => {
  const file = await bytes();
  const recorded = models.find(({ model }) => model === name)!;
  expect(createHash('sha256').update(file).digest('hex')).toBe(recorded.sha256);
  const model = await load(file, { kernelsUrl });
  const found = await Promise.all(texts.map((text) => model.tokenize(text)));
  await model.close();
  for (const [index, text] of texts.entries()) expect(found[index], text).toEqual(recorded.ids[index]);
});
