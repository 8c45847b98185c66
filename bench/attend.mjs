// How many (query, key) pairs a second attention reads, in millions, best of many short runs.
//   node bench/attend.mjs                plain SIMD, in Node
//   node bench/attend.mjs --chromium     both builds, in Chromium (playwright)
//   --dims 64,128 --tokens 2048,16384 --filter decode
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    chromium: { type: 'boolean', default: false },
    dims: { type: 'string', default: '64,128' },
    tokens: { type: 'string', default: '2048,16384' },
    filter: { type: 'string', default: '' },
    seconds: { type: 'string', default: '0.4' },
  },
});

const codecs = { f16: 0, q8: 1, q4: 2, q2: 3 };
const shapes = [1, 2, 3, 4].map((group) => ({ name: `decode 1×${group}`, rows: 1, group }));
shapes.push({ name: 'prefill 64×1', rows: 64, group: 1 }, { name: 'prefill 64×3', rows: 64, group: 3 });
const cases = ['q8/q8', 'q8/q4', 'q8/q2', 'f16/f16'].flatMap((pair) =>
  shapes.map((shape) => {
    const [keys, values] = pair.split('/');
    return { ...shape, pair, keyCodec: codecs[keys], valueCodec: codecs[values] };
  }),
);

/** Runs in Node and, as source text, in a page: nothing from outside. */
const measure = ({ base64, dim, tokens, test, seconds }) => {
  const PAGE = 64;
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory, abort() {} },
  });
  let top = 65536;
  const alloc = (size) => {
    const start = top;
    top += Math.ceil(size / 64) * 64;
    const missing = top - memory.buffer.byteLength;
    if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    return start;
  };
  const { rows, group, keyCodec, valueCodec } = test;
  const block = [128 * dim, 64 * dim + 128, 32 * dim + 8 * dim, 16 * dim + 8 * dim];
  const pageBytes = block[keyCodec] + block[valueCodec];
  const pages = tokens / PAGE;
  const table = alloc(pages * 4);
  const k = alloc(PAGE * dim * 4);
  const v = alloc(PAGE * dim * 4);
  const q = alloc(rows * group * dim * 4);
  const out = alloc(rows * group * dim * 4);
  const plan = alloc(64);
  const args = alloc(128);
  const scratch = alloc(Math.max(dim * 4, exports.attendScratch(rows * group, dim, dim)));
  for (let page = 0; page < pages; page++) {
    const start = alloc(pageBytes);
    new Uint32Array(memory.buffer, table, pages)[page] = start;
  }
  let state = 1;
  const fill = (start, count) => {
    const floats = new Float32Array(memory.buffer, start, count);
    for (let i = 0; i < count; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      floats[i] = (state / 2 ** 32 - 0.5) * 3;
    }
  };
  for (let page = 0; page < pages; page++) {
    fill(k, PAGE * dim);
    fill(v, PAGE * dim);
    exports.appendKv(table, k, v, page * PAGE, PAGE, 1, dim, dim, keyCodec, valueCodec, scratch);
  }
  fill(q, rows * group * dim);
  // counts[0] = 1, ranges = [0, tokens)
  new Uint32Array(memory.buffer, plan, 4).set([1, 0, 0, tokens]);
  const position = tokens - rows;
  // The words that assembly/attend.ts lists.
  const words = [out, q, table, plan, plan + 8, 1, 1, position, rows, rows];
  words.push(group, 1, dim, dim, keyCodec, valueCodec, 2 ** 30, 0);
  new Uint32Array(memory.buffer, args, 18).set(words);
  new Float32Array(memory.buffer, args + 72, 3).set([1 / Math.sqrt(dim), 0, Infinity]);
  // All keys, in one pass, the one item whole.
  new Uint32Array(memory.buffer, args + 84, 6).set([0, 2 ** 30, 0, 0, 1, 1]);
  const once = () => exports.attend(args, 0, 1, scratch);
  const pairs = group * (rows * position + (rows * (rows + 1)) / 2);
  // Several calls in one sample where one is too short for the clock; few, so that a sample is seldom interrupted.
  const repeat = Math.max(1, Math.ceil((typeof process === 'object' ? 6e4 : 2e5) / pairs));
  // In Node, time of the process: what other programs take of the processor does not count.
  const clock = () =>
    typeof process === 'object'
      ? (process.cpuUsage().user + process.cpuUsage().system) / 1000
      : performance.now();
  let best = Infinity;
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const start = clock();
    for (let i = 0; i < repeat; i++) once();
    best = Math.min(best, (clock() - start) / repeat);
  }
  return pairs / best / 1000;
};

const list = (text) => text.split(',').map(Number);
const columns = list(options.dims).flatMap((dim) => list(options.tokens).map((tokens) => ({ dim, tokens })));

const print = async (title, build, run) => {
  const base64 = (await readFile(new URL(`../dist/${build}.wasm`, import.meta.url))).toString('base64');
  console.log(`\n${title}: million query·keys a second`);
  console.log(
    `| K/V | rows×group | ${columns.map(({ dim, tokens }) => `D=${dim} T=${tokens}`).join(' | ')} |`,
  );
  console.log(`|---|---|${columns.map(() => '---').join('|')}|`);
  for (const test of cases) {
    if (!`${test.pair} ${test.name}`.includes(options.filter)) continue;
    const cells = [];
    for (const { dim, tokens } of columns) {
      const speed = await run({ base64, dim, tokens, test, seconds: Number(options.seconds) });
      cells.push(speed.toFixed(0));
    }
    console.log(`| ${test.pair} | ${test.name} | ${cells.join(' | ')} |`);
  }
};

if (options.chromium) {
  const { chromium } = await import('playwright');
  const { chromiumArguments, findChromium } = await import('../test/support/chromium.mjs');
  const browser = await chromium.launch({ executablePath: findChromium(), args: chromiumArguments });
  const page = await browser.newPage();
  const run = (input) => page.evaluate(measure, input);
  await print(`Chromium ${browser.version()}, plain SIMD`, 'kernels', run);
  await print(`Chromium ${browser.version()}, relaxed SIMD`, 'kernels.relaxed', run);
  await browser.close();
} else {
  await print(`Node ${process.version}, plain SIMD`, 'kernels', async (input) => measure(input));
}
