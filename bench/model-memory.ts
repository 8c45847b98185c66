/** Bytes of texts in models of published shapes, by codec: the table of docs/MODELS.md, counted with the engine's own sizes. */
import { readFileSync } from 'node:fs';
import { type KvShape, PAGE } from '../src/backends/backend.js';
import { pageBytes } from '../src/codecs/page-format.js';
import { headSketchBytes } from '../src/kv/chunks.js';
import { type ModelShape, SHAPES } from '../test/support/shape-model.js';
import { table } from './goals/goal.js';

const LENGTHS = [4096, 32_768, 131_072] as const;
const CODECS = [
  { keys: 'q8', values: 'q8' },
  { keys: 'q8', values: 'q4' },
  { keys: 'f16', values: 'f16' },
] as const;

/** Gemma 3 reads everything in every sixth layer; the others slide, and their pages are f16. */
const slides = ({ slidingWindow }: ModelShape, layer: number): boolean =>
  slidingWindow !== undefined && (layer + 1) % 6 !== 0;

/** Bytes of the pages of a text, and of what is kept beside them in memory to choose among them. */
export const textBytes = (shape: ModelShape, codecs: Pick<KvShape, 'keys' | 'values'>, tokens: number) => {
  const { kvHeads, headDim } = shape;
  let [pages, sketches] = [0, 0];
  for (let layer = 0; layer < shape.layers; layer++) {
    const sliding = slides(shape, layer);
    const kept = sliding ? ({ keys: 'f16', values: 'f16' } as const) : codecs;
    pages += pageBytes({ kvHeads, keyDim: headDim, valueDim: headDim, ...kept });
    if (!sliding) sketches += kvHeads * headSketchBytes(headDim);
  }
  const count = Math.ceil(tokens / PAGE);
  return { pages: pages * count, sketches: sketches * count };
};

interface Measured {
  readonly rows: Readonly<Record<string, { readonly value: { readonly weights: number } }>>;
}

const mega = (bytes: number): string => Math.round(bytes / 1e6).toLocaleString('en');

/** Weights are those that `npm run bench -- memory` counted. */
export const modelTable = (): string => {
  const { rows } = JSON.parse(readFileSync('bench/results/memory.json', 'utf8')) as Measured;
  const lines = Object.entries(rows).flatMap(([name, { value }]) => {
    const shape: ModelShape = SHAPES[name.split(' ')[0] as keyof typeof SHAPES];
    return CODECS.map((codecs, i) => [
      i === 0 ? name : '',
      i === 0 ? mega(value.weights) : '',
      `${codecs.keys}/${codecs.values}`,
      ...LENGTHS.map((tokens) => mega(textBytes(shape, codecs, tokens).pages)),
      i === 0 ? mega(textBytes(shape, codecs, LENGTHS[2]).sketches) : '',
      i === 0 ? shape.window.toLocaleString('en') : '',
    ]);
  });
  const head = [
    'shape',
    'weights, MB',
    'keys/values',
    'pages at 4k, MB',
    '32k',
    '128k',
    'to choose at 128k, MB',
    'window',
  ];
  return table(head, lines).join('\n').trimEnd();
};
