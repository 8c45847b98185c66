// What llama.cpp makes of every model and token sequence that Longhand is held against.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importTypeScript } from './bundle.mjs';
import { startLlama, TOP } from './llama.mjs';

/**
 * llama.cpp at its most exact: by default it keeps keys and values in f16 and adds up attention in f16, which moves
 * log-probabilities of an F32 model by 0.002 in the mean. What differs from these readings is our own. One thread:
 * models this small only wait for a second one.
 */
const EXACT = { kv: 'F32', flashAttention: false, threads: 1 };

const rounded = (value) => Number(value.toFixed(5));

/** Opens each model in llama.cpp in turn and calls `visit(model, opened, sha256)`. */
async function withModels(models, window, visit) {
  const llama = await startLlama({ threads: EXACT.threads });
  const folder = await mkdtemp(join(tmpdir(), 'longhand-models-'));
  try {
    for (const model of models) {
      const path = join(folder, 'model.gguf');
      const bytes = await model.bytes();
      await writeFile(path, bytes);
      const opened = await llama.open(path, { ...EXACT, window });
      try {
        await visit(model, opened, createHash('sha256').update(bytes).digest('hex'));
      } finally {
        await opened.close();
      }
    }
    return { ...llama.versions, ...EXACT, top: TOP };
  } finally {
    await rm(folder, { recursive: true });
    await llama.close();
  }
}

/** Indexes of a sequence of this length: close together at first, then further and further apart, to the last. */
const spread = (length, count = 16) =>
  Array.from({ length: count }, (_, index) =>
    Math.max(index, Math.ceil(length * ((index + 1) / count) ** 2) - 1),
  );

async function reading(model, sha256, opened, { prompt, ids, at, generated }) {
  const evaluated = await opened.evaluate(ids, at);
  const greedy = await opened.greedy(ids, generated);
  return {
    model: model.name,
    sha256,
    ...(prompt && { prompt }),
    ids,
    at,
    top: evaluated.map(({ top }) => top.flatMap(([id, logProbability]) => [id, rounded(logProbability)])),
    greedy: { ids: greedy.ids, margins: greedy.margins.map(rounded) },
  };
}

/** Readings of every generated model and of the bundled one: the content of test/golden/llama.json. */
export async function recordReadings() {
  const { BUNDLED, GENERATED, generatedIds } = await importTypeScript('test/golden/models.ts');
  const { prompts } = await importTypeScript('test/golden/prompts.ts');
  const readings = [];
  const settings = await withModels(GENERATED, 128, async (model, opened, sha256) => {
    const ids = generatedIds(model);
    const { looks, generated } = model;
    readings.push(await reading(model, sha256, opened, { ids, at: spread(ids.length, looks), generated }));
  });
  const book = await readFile(new URL('../../examples/books/sherlock.txt', import.meta.url), 'utf8');
  await withModels(BUNDLED, 4096, async (model, opened, sha256) => {
    for (const { name, text } of prompts(book)) {
      const ids = opened.tokenize(text, true);
      const asked = { prompt: name, ids, at: spread(ids.length), generated: 64 };
      readings.push(await reading(model, sha256, opened, asked));
    }
  });
  return { recordedWith: settings, readings };
}

/** Token ids of the hard texts under every kind of tokenizer: the content of test/golden/tokens.json. */
export async function recordTokens() {
  const { TOKENIZED } = await importTypeScript('test/golden/models.ts');
  const { TEXTS } = await importTypeScript('test/golden/texts.ts');
  const models = [];
  const { 'node-llama-cpp': wrapper, 'llama.cpp': release } = await withModels(
    TOKENIZED,
    128,
    (model, opened, sha256) => {
      models.push({ model: model.name, sha256, ids: TEXTS.map((text) => opened.tokenize(text)) });
    },
  );
  return { recordedWith: { 'node-llama-cpp': wrapper, 'llama.cpp': release }, texts: TEXTS, models };
}
