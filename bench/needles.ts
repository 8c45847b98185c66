/**
 * Needles in the held-out book, on the bundled model: facts at all depths, a question for each, the same items for every
 * method. Question rows and answers obey the plan under test. Resumes with the same
 * file of the model; `--report` only writes the tables.
 *
 * node bench/run.mjs needles [--lengths 1024,…] [--methods dense,quest,quest-25,…] [--report]
 *
 * 200 items a length: 20 texts with 10 facts each, from 8,192 tokens on 10 texts with 20. Methods that read a text alike
 * share its pages, so that it is read once for all of them.
 */
import 'fake-indexeddb/auto';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { draws } from '../test/support/facts.js';
import { drawHaystack, isRight } from '../test/support/haystack.js';
import { intoPage } from './into-page.js';
import { heldOut } from './lab/held-out.js';
import { keptResults } from './lab/kept-results.js';
import { optionsOf } from './lab/methods.js';
import { type NeedleResult, needleTables } from './needle-tables.js';

const { values } = parseArgs({
  options: {
    lengths: { type: 'string', default: '1024,2048,4096,8192,16384' },
    methods: { type: 'string', default: 'dense,sliding,blocks,dhsa,dhsa-oracle' },
    model: { type: 'string', default: 'examples/models/book-reader-5m-Q8_0.gguf' },
    results: { type: 'string', default: 'bench/results/needles.json' },
    report: { type: 'boolean', default: false },
  },
});

const { kept, keep } = keptResults(values.results, values.model, { results: [] as NeedleResult[] });
const { results } = kept;

const databaseOf = (length: number, text: number): string => `${length}-${text}`;

const read = async (length: number, method: string, text: number, facts: number): Promise<NeedleResult> => {
  const { kv, ...options } = optionsOf(method, length);
  const model = await load(values.model, {
    ...options,
    kv: { ...kv, store: 'idb', database: databaseOf(length, text) },
    maxTokens: Math.max(length + 128, 1024),
  });
  const book = await heldOut((sentence) => model.tokenize(sentence));
  const haystack = drawHaystack(draws(length * 1000 + text), book, length - 64, facts);
  const session = await model.session();
  await session.append(haystack.text);
  const right: boolean[] = [];
  for (const fact of haystack.facts) {
    const answer = await session.ask(fact.question, { maxTokens: 32 }).text();
    right.push(isRight(answer, fact.value));
  }
  const stats = await session.stats();
  await model.close();
  return {
    length,
    method,
    text,
    right,
    tokens: stats.tokens,
    density: stats.density.prefill,
    decodeDensity: stats.density.decode,
    prefillSeconds: stats.prefill.seconds,
  };
};

if (!values.report) {
  for (const length of values.lengths.split(',').map(Number)) {
    const [texts, facts] = length < 8192 ? [20, 10] : [10, 20];
    for (let text = 0; text < texts; text++) {
      for (const method of values.methods.split(',')) {
        const done = results.some((r) => r.length === length && r.method === method && r.text === text);
        if (done) continue;
        const result = await read(length, method, text, facts);
        results.push(result);
        keep();
        const score = result.right.filter(Boolean).length;
        console.log(
          `${length} ${method} text ${text}: ${score}/${result.right.length}, density ${result.density.toFixed(3)} / ${result.decodeDensity.toFixed(3)}, ${result.prefillSeconds.toFixed(1)} s`,
        );
      }
      indexedDB.deleteDatabase(databaseOf(length, text));
    }
  }
}
intoPage('docs/METHODS.md', 'needles', needleTables(results));
