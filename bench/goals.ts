/**
 * What Longhand promises, each measured beside its yardstick: `npm run bench` measures everything that is not in
 * bench/results yet and writes the tables of docs/LIMITS.md; `npm run bench -- growth` one part of it; `--fresh` measures
 * again what is there; `--quick` shows in a few minutes that all of it runs, and writes into no page.
 */
import { parseArgs } from 'node:util';
import { type Effort, type Goal, machine, openResults } from './goals/goal.js';
import { growth } from './goals/growth.js';
import { memory } from './goals/memory.js';
import { memory128k } from './goals/memory-128k.js';
import { native } from './goals/native.js';
import { paging } from './goals/paging.js';
import { reload } from './goals/reload.js';
import { resume } from './goals/resume.js';
import { wllama, wllamaLong } from './goals/wllama.js';
import { yardsticks } from './goals/yardsticks.js';
import { intoPage } from './into-page.js';

/** In this order: the longest last. */
const GOALS: readonly Goal[] = [
  memory,
  memory128k,
  yardsticks,
  native,
  wllama,
  wllamaLong,
  resume,
  reload,
  paging,
  growth,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fresh: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    shape: { type: 'string', default: 'smollm2-135m' },
  },
});
const unknown = positionals.find((name) => !GOALS.some((goal) => goal.name === name));
if (unknown) {
  const known = GOALS.map(({ name, about }) => `  ${name.padEnd(12)} ${about}`);
  throw new Error(`There is no bench ${unknown}. There are:\n${known.join('\n')}`);
}
const effort: Effort = { quick: values.quick, shape: values.shape };
const wanted = positionals.length > 0 ? GOALS.filter(({ name }) => positionals.includes(name)) : GOALS;
for (const [i, { name, about, measure }] of wanted.entries()) {
  console.log(`\n${i + 1}/${wanted.length} ${name}: ${about}`);
  const results = openResults(name, effort, values.fresh);
  const lines = await measure(results, effort);
  const made = `${machine()}, Node ${process.version}, ${results.dates}.`;
  if (values.quick) console.log([...lines, made].join('\n'));
  else intoPage('docs/LIMITS.md', name, lines.join('\n').trimEnd(), made);
}
