/**
 * A checkpoint in PyTorch and its GGUF file in the engine, asked the same: the laboratory's items, dense attention, likeliest
 * tokens. Needs what examples/models/train needs.
 *
 * node bench/run.mjs checkpoint --weights FILE.pt --model FILE-F32.gguf [--name book-reader-5m] [--tasks single]
 *   [--length 2048] [--items 40] [--python python3]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { load } from '../src/engine/index.js';
import { itemOf } from './lab/evaluate.js';

const { values } = parseArgs({
  options: {
    weights: { type: 'string' },
    model: { type: 'string' },
    name: { type: 'string', default: 'book-reader-5m' },
    tasks: { type: 'string', default: 'single,multi-key,two-hop' },
    length: { type: 'string', default: '2048' },
    items: { type: 'string', default: '40' },
    python: { type: 'string', default: 'python3' },
  },
});
if (!values.weights || !values.model)
  throw new Error('Name a checkpoint with --weights and a file with --model.');

const model = await load(values.model, {
  attention: { method: 'dense' },
  kv: { store: 'none', keys: 'f16', values: 'f16' },
});
const items: { text: string; question: string; values: readonly string[] }[] = [];
for (const task of values.tasks.split(',')) {
  const mine: typeof items = [];
  for (let text = 0; mine.length < Number(values.items); text++) {
    const item = await itemOf(model, task, Number(values.length), text);
    mine.push(...item.questions.map(({ ask, values }) => ({ text: item.text, question: ask, values })));
  }
  items.push(...mine.slice(0, Number(values.items)));
}
mkdirSync('bench/build', { recursive: true });
const [asked, said] = ['bench/build/asked.json', 'bench/build/said.json'];
writeFileSync(asked, JSON.stringify(items));
execFileSync(values.python, ['examples/models/train/answer.py', values.name, values.weights, asked, said], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
const answers: { ids: number[]; answer: number[] }[] = JSON.parse(readFileSync(said, 'utf8'));

let same = 0;
for (const [i, { ids, answer }] of answers.entries()) {
  const context = await model.context();
  await context.append(ids);
  const ours = await context.generate({ maxTokens: 48, temperature: 0 });
  await context.close();
  const texts = [await model.detokenize(answer), await model.detokenize(ours)];
  if (texts[0]!.trim() === texts[1]!.replace(/<\|im_end\|>$/, '').trim()) same++;
  else console.log(`${items[i]!.question}\n  PyTorch: ${texts[0]}\n  engine:  ${texts[1]}`);
}
await model.close();
console.log(`${same} of ${answers.length} answers are the same.`);
