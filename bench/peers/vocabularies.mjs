// Records test/golden/vocabularies.json: how llama.cpp cuts hard texts, rule by rule and family by family.
// `node peers/vocabularies.mjs`. A minute.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getLlama, getModuleVersion } from 'node-llama-cpp';
import { importTypeScript } from './bundle.mjs';

const { RULES, byteLevelVocabulary, familyNames, familyVocabulary } = await importTypeScript(
  'test/golden/vocabularies.ts',
);
const { HARD_TEXTS } = await importTypeScript('test/golden/hard-texts.ts');
const { preTokenizerNames } = await importTypeScript('src/text/pre-tokenizer.ts');

const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, logLevel: 'disabled' });
const folder = await mkdtemp(join(tmpdir(), 'longhand-vocabularies-'));
const path = join(folder, 'vocabulary.gguf');

/** What `ask` makes of a vocabulary in llama.cpp; undefined where it refuses the file. */
async function asked({ bytes }, ask) {
  await writeFile(path, bytes());
  const options = { modelPath: path, vocabOnly: true, gpuLayers: 0 };
  const model = await llama.loadModel(options).catch(() => undefined);
  const answer = model && ask(model);
  await model?.dispose();
  return answer;
}

const tokens = (special) => (model) => HARD_TEXTS.map((text) => [...model.tokenize(text, special)]);
const bosOf = (model) => (model.tokens.shouldPrependBosToken ? model.tokens.bos : null);
const stopsOf = (model, size) =>
  Array.from({ length: size }, (_, id) => id).filter((id) => model.isEogToken(id));

const rules = [];
const synonyms = {};
const bos = {};
for (const name of [...RULES, ...preTokenizerNames.filter((name) => !RULES.includes(name))]) {
  const vocabulary = await byteLevelVocabulary(name);
  const found = await asked(vocabulary, (model) => ({ ids: tokens(false)(model), bos: bosOf(model) }));
  if (!found) continue;
  if (RULES.includes(name)) rules.push({ name, ids: found.ids });
  const same = rules.find(({ ids }) => JSON.stringify(ids) === JSON.stringify(found.ids));
  synonyms[name] = same?.name ?? null;
  bos[name] = found.bos;
}
const families = [];
for (const name of familyNames) {
  const vocabulary = await familyVocabulary(name);
  const size = vocabulary.metadata.strings('tokenizer.ggml.tokens').length;
  families.push({
    name,
    ...(await asked(vocabulary, (model) => ({
      bos: bosOf(model),
      stops: stopsOf(model, size),
      plain: tokens(false)(model),
      named: tokens(true)(model),
    }))),
  });
}
await llama.dispose();
await rm(folder, { recursive: true });

const release = llama.llamaCppRelease.release;
const head = {
  recordedWith: { 'node-llama-cpp': await getModuleVersion(), 'llama.cpp': release },
  synonyms,
  bos,
};
const lines = (list) => list.map((one) => JSON.stringify(one)).join(',\n');
const text = `${JSON.stringify(head).slice(0, -1)},"rules":[\n${lines(rules)}\n],"families":[\n${lines(families)}\n]}\n`;
await writeFile(new URL('../../test/golden/vocabularies.json', import.meta.url), text);
console.log(`vocabularies.json: ${rules.length} rules, ${families.length} families, ${text.length} bytes`);
