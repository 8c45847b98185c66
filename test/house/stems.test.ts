import { basename } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { filesUnder, read, wordsOf } from './sources.js';

// Verbs that move or count bytes and do no arithmetic: TypeScript alone does them.
const withoutKernel = new Set([
  ...[
    'tensor',
    'view',
    'weight',
    'fill',
    'upload',
    'read',
    'peek',
    'peekPage',
    'peekScores',
    'free',
    'bytes',
    'flush',
    'close',
  ],
  'topLogits', // a CPU's logits are read as they are
  ...['kvLayer', 'mapPages', 'dropPages', 'writePage', 'pageRoom', 'freeRoom', 'readPage'],
  ...['chunkIndex', 'readBoundaries', 'readChunks', 'writeChunks'],
  ...[
    'plan',
    'scores',
    'writePlan',
    'extend',
    'keepOnly',
    'readPlan',
    'namedPages',
    'readPairs',
    'readScores',
  ],
]);
// Kernels that are no verb of their own.
const withoutVerb = new Set([
  'index', // the list of exports
  'pack', // fill: rows of a model file into the layout that matmul reads
  'panels', // matmul: activations in the order in which its tiles read them
  'mix', // attend: weighted sums of values, one function for each codec and number of queries
  'mix-quads', // attend: the steps of a single row, one function for each number of queries
  'matmul-floats', // matmul on the GPU: weights that are elements
  'matvec', // matmul on the GPU: one row, without a dispatch of its own for the last sum
  'parts', // matmul on the GPU: the last sum where threads share an output
  'contrast', // segment on the GPU: what boundaries are chosen by
  'rotated-keys', // summarize on the GPU: what sketches are made of
  'key-sketch', // and the sketches
  'key-bounds', // summarize: what no key of a sub-block lies outside of
  'score-bounds', // scoreChunks: by them
  'mean-query', // scoreChunks on the GPU: what the rows of a tile ask together
  'sketch-query', // what sketches are asked
  'score-sketches', // and what they answer
  'add-softmax', // of all heads of a list
  'add-mass', // scoreTokens on the GPU: the same of tokens
  'select-scored', // select on the GPU: by scores
  'write-boundaries', // writeChunks on the GPU: what all layers share
  'queries', // attend on the GPU: queries as stored keys meet them
  'attend-pairs', // attend on the GPU: the count of what it reads
  'merge', // attend on the GPU: what pages that were shared out have given, joined in order
  'convolve', // recur: what rows are before they meet the state
  'probe', // asks the engine how its relaxed instructions behave
]);

const verbs = (): string[] => {
  const parsed = ts.createSourceFile(
    'backend.ts',
    read('src/backends/backend.ts'),
    ts.ScriptTarget.Latest,
    true,
  );
  const backend = parsed.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === 'Backend',
  );
  const members: readonly ts.TypeElement[] = backend?.members ?? [];
  return members.filter(ts.isMethodSignature).map(({ name }) => name.getText(parsed));
};

const stems = filesUnder('assembly')
  .filter((file) => /^assembly\/[^/]+\.ts$/.test(file))
  .map((file) => basename(file, '.ts'));

const stemOf = (verb: string): string => wordsOf(verb).join('-');

test('every verb has a kernel of the same stem, or is known to need none', () => {
  expect(verbs().length).toBeGreaterThan(20);
  const missing = verbs().filter((verb) => !withoutKernel.has(verb) && !stems.includes(stemOf(verb)));
  expect(missing).toEqual([]);
});

test('every kernel file serves a verb', () => {
  const known = new Set(verbs().map(stemOf));
  expect(stems.filter((stem) => !known.has(stem) && !withoutVerb.has(stem))).toEqual([]);
});

test('every shader serves a verb too', () => {
  const shaders = filesUnder('shaders')
    .filter((file) => /^shaders\/[^/]+\.wgsl$/.test(file))
    .map((file) => basename(file, '.wgsl'));
  const known = new Set(verbs().map(stemOf));
  expect(shaders.length).toBeGreaterThan(5);
  expect(shaders.filter((stem) => !known.has(stem) && !withoutVerb.has(stem))).toEqual([]);
});

test('no shader needs an optional feature, or knows how wide a subgroup is', () => {
  const shaders = filesUnder('shaders').filter((file) => file.endsWith('.wgsl'));
  expect(shaders.length).toBeGreaterThan(5);
  const directives =
    /^\s*(enable|requires)\s|\b(subgroup\w*|quad(Broadcast|Swap)\w*)\s*\(|@builtin\(subgroup|:\s*(vec[234]h|f16)\b/m;
  expect(shaders.filter((file) => directives.test(read(file).replace(/\/\/.*/g, '')))).toEqual([]);
  for (const line of [
    'enable f16;',
    'x = subgroupAdd(x);',
    '@builtin(subgroup_size) size: u32',
    'let x: f16 = 1h;',
  ])
    expect(line).toMatch(directives);
});

test('the verbs that need no kernel exist', () => {
  expect([...withoutKernel].filter((verb) => !verbs().includes(verb))).toEqual([]);
});
