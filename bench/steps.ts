/**
 * A whole step of an answer behind 4k and 32k tokens that were not read but made up, verb by verb (a product counts in the verb
 * after it): `node bench/run.mjs steps [--place Node] [--threads 1,2] [--lengths 4096,32768] [--steps 24] [--budget 2048]
 * [--method dhsa] [--type Q8_0]`. Beside it the time of the best pass over the weights by as many threads, before or after
 * the steps (goals/rates.ts): the best step and the best pass are both of a moment in which nobody disturbed.
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import type { SupportedType } from '../src/weights/tensor-types.js';
import { SHAPES } from '../test/support/shape-model.js';
import { openPlace } from './goals/place.js';
import { ratesOf, streamed } from './goals/rates.js';
import { makeModel } from './make-model.js';
import type { StepsInput, StepsMark } from './select/steps.js';

const { values: given } = parseArgs({
  options: {
    place: { type: 'string', default: 'Chromium' },
    threads: { type: 'string', default: '1,2' },
    lengths: { type: 'string', default: '4096,32768' },
    steps: { type: 'string', default: '24' },
    budget: { type: 'string', default: '2048' },
    method: { type: 'string', default: 'dhsa' },
    type: { type: 'string', default: 'Q8_0' },
  },
});
const outfile = 'bench/build/steps-here.mjs';
await build({
  stdin: {
    contents: `import { measureSteps } from './steps.ts';
      export { measureSteps };
      if (typeof WorkerGlobalScope !== 'undefined') self.onmessage = async ({ data }) =>
        self.postMessage(await measureSteps(data).catch((error) => String(error.stack)));`,
    resolveDir: 'bench/select',
    loader: 'ts',
  },
  outfile,
  bundle: true,
  format: 'esm',
  external: ['node:*'],
  logLevel: 'warning',
});
const shape = SHAPES['smollm2-135m'];
const path = makeModel('smollm2-135m', given.type as SupportedType);
const place = await openPlace(given.place === 'Node' ? 'Node' : 'Chromium');
const inNode = place.name === 'Node';
const at = (file: string): string => (inNode ? pathToFileURL(file).href : place.at(file));
for (const threads of given.threads.split(',').map(Number)) {
  const input: StepsInput = {
    model: place.at(path),
    kernels: at('dist/'),
    thread: at('dist/thread.js'),
    threads,
    attention:
      given.method === 'dense' ? { method: 'dense' } : { method: 'dhsa', budget: Number(given.budget) },
    lengths: given.lengths.split(',').map(Number),
    steps: Number(given.steps),
  };
  const run = async ({ module, input, worker }: { module: string; input: StepsInput; worker: boolean }) => {
    if (!worker) return (await import(module)).measureSteps(input) as Promise<StepsMark[]>;
    const own = new Worker(module, { type: 'module' });
    const marks = await new Promise<StepsMark[] | string>((resolve) => {
      own.onmessage = ({ data }) => resolve(data);
      own.onerror = (error) => resolve(String(error.message));
      own.postMessage(input);
    });
    own.terminate();
    return marks;
  };
  const before = await ratesOf(place, shape, given.type, threads, 1);
  const marks = await place.call(run, { module: at(outfile), input, worker: !inNode });
  if (typeof marks === 'string') throw new Error(marks);
  const after = await ratesOf(place, shape, given.type, threads, 1);
  const pass = (1000 * streamed(shape, given.type)) / Math.max(before.stream, after.stream);
  const names = Object.keys(Object.assign({}, ...marks.map(({ verbs }) => verbs)));
  console.log(
    `\n${place.label}, ${threads} threads, ms at ${marks.map(({ tokens }) => tokens).join(' / ')}:`,
  );
  const line = (name: string, of: (mark: StepsMark) => number): void =>
    console.log(name.padEnd(14), marks.map((mark) => of(mark).toFixed(2).padStart(8)).join(''));
  line('whole step', ({ step }) => step);
  line('weights alone', () => pass);
  line('of them, %', ({ step }) => (100 * pass) / step);
  line('all verbs', ({ verbs }) => Object.values(verbs).reduce((sum, ms) => sum + ms, 0));
  for (const name of names) line(name, ({ verbs }) => verbs[name] ?? 0);
}
await place.close();
