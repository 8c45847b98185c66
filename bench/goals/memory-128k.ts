/** A text as long as `maxTokens: 131072` allows within 64 MB, beside the same text with all its pages in memory. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { openModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { createPager } from '../../src/kv/pager.js';
import { type Goal, table } from './goal.js';

const MODEL = 'examples/models/book-reader-5m-Q8_0.gguf';
const QUESTION = 16;
const ANSWER = 8;

interface Run {
  readonly seconds: number;
  /** Bytes of pages, tables, summaries, plans and tokens at the worst moment between two calls. */
  readonly peak: number;
  readonly pages: number;
  readonly missed: number;
  readonly touched: number;
  /** Milliseconds for a token of an answer. */
  readonly step: number;
  /** Of the logits after the text, the question and each token of an answer. */
  readonly digest: string;
}

const run = async (tokens: number, memory: string): Promise<Run> => {
  const model = await openModel(
    MODEL,
    {
      kernelsUrl: pathToFileURL('dist/').href,
      threads: 2,
      maxTokens: tokens,
      kv: { store: 'memory', memory },
    },
    new AbortController().signal,
    () => undefined,
  );
  const { reader, kept, tokenizer } = model;
  const book = await tokenizer.encode(readFileSync('examples/books/sherlock.txt', 'utf8'));
  const length = tokens - QUESTION - ANSWER;
  // A book is shorter than this: it goes round, with other words left out each time.
  const ids = Array.from({ length }, (_, i) => book[(i + Math.floor(i / book.length) * 37) % book.length]!);
  const context = new Context(reader, createPager(kept!.archive, reader.arena.segmentTokens));
  const sum = createHash('sha256');
  let peak = 0;
  const note = (): void => {
    peak = Math.max(peak, reader.budget.used);
  };
  const keep = async (): Promise<void> => {
    sum.update(new Uint8Array((await context.logits()).slice().buffer));
    note();
  };
  const started = performance.now();
  await context.append(ids, false, { onProgress: note });
  const seconds = (performance.now() - started) / 1000;
  await keep();
  await context.append(ids.slice(1000, 1000 + QUESTION), true);
  await keep();
  const answering = performance.now();
  for (let i = 0; i < ANSWER; i++) {
    context.push(ids[2000 + i]!);
    await keep();
  }
  const step = (performance.now() - answering) / ANSWER;
  const { missed, touched } = context.paging;
  const { pages } = context.resident;
  context.close();
  await model.close();
  return { seconds, peak, pages, missed, touched, step, digest: sum.digest('hex') };
};

export const memory128k: Goal = {
  name: 'memory-128k',
  about: '131,072 tokens of the bundled model within 64 MB, to the bits of a run with all pages in memory',

  async measure(results, { quick }) {
    const [tokens, budget] = quick ? [8192, '6MB'] : [131_072, '64MB'];
    const rows: (string | number)[][] = [];
    const digests: string[] = [];
    for (const memory of [budget, '4GB']) {
      const value = await results.row(`${tokens} tokens within ${memory}`, () => run(tokens, memory));
      digests.push(value.digest);
      rows.push([
        memory,
        (value.peak / 1e6).toFixed(1),
        value.pages,
        Math.round(tokens / value.seconds),
        value.step.toFixed(1),
        value.touched === 0 ? '' : `${(100 * (1 - value.missed / value.touched)).toFixed(0)} %`,
      ]);
    }
    if (digests[0] !== digests[1])
      throw new Error('The logits within the budget are others than without it.');
    const head = [
      'kv.memory',
      'held at most, MB',
      'pages at the end',
      'reading, tokens/s',
      'a token of an answer, ms',
    ];
    return [
      `${tokens} tokens, \`auto\`, two threads, pages in a store in memory; all logits compared are equal.`,
      '',
      ...table([...head, 'pages found in memory'], rows),
    ];
  },
};
