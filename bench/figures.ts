/**
 * What docs/ shows of real runs: the table of docs/MODELS.md, and pictures of docs/HOW.md drawn from what the bundled model
 * read for one question. `node bench/run.mjs figures`
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { Range } from '../src/backends/backend.js';
import { load } from '../src/engine/index.js';
import { modelTable } from './model-memory.js';

const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
const TOKENS = 4096;
/** Of the bundled model: layers and KV heads. */
const [layers, heads] = [6, 2];
const PAGE = 64;
const FACT = 'Nora Quill lives in Bergen.';
const QUESTION = 'Where does Nora Quill live?';
const [WIDTH, LEFT, ROW] = [880, 52, 9];

const style = `<style>
rect { fill: #9a3412; } .ground { fill: #efe9dd; } .text { font: 12px system-ui, sans-serif; fill: #655f54; }
.dim { opacity: .55; }
@media (prefers-color-scheme: dark) {
  rect { fill: #f0a878; } .ground { fill: #26282e; } .text { fill: #a8a194; }
}
</style>`;
const bar = (x: number, y: number, width: number, height: number, kind = ''): string =>
  `<rect${kind && ` class="${kind}"`} x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.6, width).toFixed(1)}" height="${height}"/>`;
const label = (x: number, y: number, text: string, anchor = 'start'): string =>
  `<text class="text" x="${x}" y="${y}" text-anchor="${anchor}">${text}</text>`;
const picture = (name: string, title: string, height: number, parts: readonly string[]): void => {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`;
  writeFileSync(
    `docs/pictures/${name}.svg`,
    `${[head, `<title>${title}</title>`, style, ...parts, '</svg>'].join('\n')}\n`,
  );
  console.log(`docs/pictures/${name}.svg`);
};

mkdirSync('docs/pictures', { recursive: true });
const book = readFileSync('examples/books/sherlock.txt', 'utf8');
const model = await load(MODEL, {
  threads: 1,
  backend: 'wasm',
  attention: { method: 'dhsa', budget: 512 },
  kv: { store: 'none' },
});

// A text with a fact at about a third of it, and the question that asks for it.
const cut = book.indexOf('. ', 9_000) + 2;
const session = await model.session();
await session.append(`${book.slice(2000, cut)}${FACT} ${book.slice(cut, 17_000)}`);
const answer = session.ask(QUESTION, { sources: true });
const said = await answer.text();
const { sources = [] } = await answer.finish;
const { tokens } = await session.stats();

// The same tokens again, bare: plans are asked for by layer and head.
const context = await model.context();
const ids = (
  await model.tokenize(`${book.slice(2000, cut)}${FACT} ${book.slice(cut, 17_000)} ${QUESTION}`)
).slice(-TOKENS);
await context.append(ids);
await context.generate({ maxTokens: 1, ignoreStops: true });
const length = (await context.stats()).tokens;
const plans: Range[][][] = [];
for (let layer = 0; layer < layers; layer++) {
  plans.push([]);
  for (let head = 0; head < heads; head++) plans[layer]!.push(await context.plan({ layer, head }));
}
const at = (token: number, of = length): number => LEFT + ((WIDTH - LEFT) * token) / of;

const planRows = plans.flatMap((byHead, layer) =>
  byHead.flatMap((ranges, head) => {
    const y = 24 + layer * (heads * ROW + 6) + head * ROW;
    return [
      bar(at(0), y, WIDTH - LEFT, ROW - 2, 'ground'),
      ...ranges.map(([start, end]) => bar(at(start), y, at(end) - at(start), ROW - 2)),
      ...(head === 0 ? [label(0, y + 9, `layer ${layer}`)] : []),
    ];
  }),
);
const named = plans.flat(2).reduce((sum, [start, end]) => sum + end - start, 0);
const share = ((100 * named) / (length * layers * heads)).toFixed(0);
picture('plan', `The plan of one step: ${share} % of ${length} tokens`, 30 + layers * (heads * ROW + 6), [
  label(
    40,
    14,
    `one step behind ${length.toLocaleString('en')} tokens: each row is a KV head, marked what it reads (${share} %)`,
  ),
  ...planRows,
]);

const pages = Math.ceil(length / PAGE);
const touched = plans.map((byHead) => {
  const found = new Set<number>();
  for (const [start, end] of byHead.flat())
    for (let page = Math.floor(start / PAGE); page * PAGE < end; page++) found.add(page);
  return found;
});
const cell = (WIDTH - LEFT) / pages;
const needed = touched.reduce((sum, { size }) => sum + size, 0);
picture('pages', `The pages that the plan needs: ${needed} of ${pages * layers}`, 30 + layers * 16, [
  label(
    40,
    14,
    `its pages of 64 tokens: ${needed} of ${pages * layers} have to be in memory for this step, the others may rest in IndexedDB`,
  ),
  ...touched.flatMap((found, layer) => [
    label(0, 24 + layer * 16 + 11, `layer ${layer}`),
    ...Array.from({ length: pages }, (_, page) =>
      bar(LEFT + page * cell, 24 + layer * 16, cell - 1, 13, found.has(page) ? '' : 'ground'),
    ),
  ]),
]);

const text = sources.filter(({ part }) => part === 'text');
const best = text.reduce((most, one) => (one.share > most.share ? one : most));
const near = text.filter(({ start, end }) => end > best.start - 300 && start < best.end + 300);
const [from, to] = [Math.min(...near.map(({ start }) => start)), Math.max(...near.map(({ end }) => end))];
const x = (token: number): number => ((WIDTH - 2) * (token - from)) / (to - from);
const passage = (await session.passage(best)).replace(/\s+/g, ' ').trim();
const shown = passage.length > 110 ? `${passage.slice(0, 110)}…` : passage;
const escaped = (words: string): string =>
  words.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
picture('chunks', `Chunks around the passage that an answer came from`, 186, [
  label(
    0,
    14,
    `chunks around the passage that an answer read most, as wide as they are long, as high as they were read`,
  ),
  ...near.flatMap(({ start, end, share: read }) => {
    const height = Math.max(2, (100 * read) / best.share);
    return [
      bar(x(start) + 1, 130, x(end) - x(start) - 2, 6, 'ground'),
      bar(x(start) + 1, 128 - height, x(end) - x(start) - 2, height, start === best.start ? '' : 'dim'),
    ];
  }),
  label(0, 158, escaped(`“${QUESTION}” “${said.trim()}”`)),
  label(0, 176, escaped(`the highest is “${shown}”, tokens ${best.start} to ${best.end} of ${tokens}`)),
]);
await model.close();

const page = readFileSync('docs/MODELS.md', 'utf8');
const marked = /(<!-- models -->)[\s\S]*(<!-- \/models -->)/;
if (!marked.test(page)) throw new Error('docs/MODELS.md has no place for its table.');
writeFileSync('docs/MODELS.md', page.replace(marked, `$1\n${modelTable()}\n$2`));
