// Records test/golden/sampling.json: what llama.cpp's sampling chain leaves to draw from. `node peers/sampling.mjs`.
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importTypeScript } from './bundle.mjs';
import { startLlama } from './llama.mjs';

/** Of each distribution, the likeliest. */
const LISTED = 40;
/** Tokens of a greedy continuation. */
const LENGTH = 24;

const { CHAINS, GREEDY, chainIds, chainModel } = await importTypeScript('test/golden/chains.ts');
const llama = await startLlama({ threads: 1 });
const folder = await mkdtemp(join(tmpdir(), 'longhand-chains-'));
const path = join(folder, 'model.gguf');
const bytes = chainModel();
await writeFile(path, bytes);
const model = await llama.open(path, { kv: 'F32', flashAttention: false, threads: 1, window: 128 });
const ids = chainIds();

const chains = [];
for (const options of CHAINS) {
  const left = await model.chained(ids, options);
  const top = left.slice(0, LISTED).map(([id, probability]) => [id, Number(probability.toFixed(6))]);
  chains.push({ count: left.length, top });
}
const greedy = [];
for (const options of GREEDY) {
  const grown = [...ids];
  while (grown.length < ids.length + LENGTH) {
    const [first] = await model.chained(grown, { ...options, temperature: 1, topK: 1 });
    grown.push(first[0]);
  }
  greedy.push(grown.slice(ids.length));
}
await model.close();
await llama.close();
await rm(folder, { recursive: true });

const text = JSON.stringify({
  recordedWith: llama.versions,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  chains,
  greedy,
});
await writeFile(new URL('../../test/golden/sampling.json', import.meta.url), `${text}\n`);
console.log(`sampling.json: ${chains.length} chains, ${greedy.length} continuations, ${text.length} bytes`);
