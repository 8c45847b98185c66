import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { calibrated, thresholdLadder } from '../../bench/lab/calibrate.js';
import { area, liftsOf, masks } from '../../bench/lab/masks.js';
import { methodPlots } from '../../bench/lab/method-plots.js';
import { labPage } from '../../bench/lab/page.js';
import { taskNamed } from '../../bench/lab/tasks.js';
import { PAGE } from '../../src/backends/backend.js';
import { createRefBackend } from '../reference/backend.js';
import { draws } from '../support/facts.js';
import { isRight, sentences } from '../support/haystack.js';

const TOKENS = 7 * PAGE - 13;
const LISTS = 2;

describe.each(masks(7 * PAGE, 0.3))('mask of $family', (mask) => {
  it('counts the pairs that row by row it allows', () => {
    for (let list = 0; list < LISTS; list++) {
      let pairs = 0;
      for (let row = 0; row < TOKENS; row++)
        for (let key = 0; key <= row; key++) pairs += Number(mask.allows(row, key, list));
      expect(area(mask, 0, TOKENS, list)).toBe(pairs);
    }
  });

  it('is what attention says it read', async () => {
    const backend = createRefBackend();
    const kv = backend.kvLayer('kv', { kvHeads: LISTS, keyDim: 8, valueDim: 8, keys: 'f16', values: 'f16' });
    backend.mapPages(kv, Math.ceil(TOKENS / PAGE));
    const rows = backend.tensor('rows', TOKENS, LISTS * 8);
    const out = backend.tensor('out', TOKENS, LISTS * 8);
    backend.appendKv(kv, rows, rows, 0);
    const tiles = { position: 0, rows: TOKENS, tileRows: PAGE };
    const plan = backend.plan('plan', LISTS);
    const starts = Array.from({ length: Math.ceil(TOKENS / PAGE) }, (_, i) => i * PAGE);
    const lists = Array.from({ length: LISTS }, (_, list) =>
      starts.map((start) => mask.ranges(start, Math.min(TOKENS, start + PAGE), list)),
    );
    backend.writePlan(plan, tiles, lists.flat(), liftsOf(mask, lists.flat()));
    backend.attend(out, rows, kv, plan, { scale: 1, ...(mask.window && { window: mask.window }) });
    const mean = (area(mask, 0, TOKENS, 0) + area(mask, 0, TOKENS, 1)) / LISTS;
    expect(await backend.readPairs(plan)).toBe(mean);
  });
});

it('reads about the share of the triangle that is asked for', () => {
  for (const density of [0.125, 0.5]) {
    for (const mask of masks(16_384, density).slice(1)) {
      const share = area(mask, 0, 16_384, 0) / ((16_384 * 16_385) / 2);
      // Sinks, prefixes and tiles of their own come on top.
      expect(share, mask.family).toBeGreaterThan(0.95 * density);
      expect(share, mask.family).toBeLessThan(density + 0.12);
    }
  }
});

const parts = sentences(readFileSync('examples/books/sherlock.txt', 'utf8'));
const book = { sentences: parts, count: (text: string) => Math.ceil(text.length / 2.2) };
const names = 'single turns multi-key two-hop three-hop multi-query portraits common-words multi-value'.split(
  ' ',
);

describe('a threshold of sale', () => {
  const ladder = thresholdLadder(0.008);

  it('is halved from the first one down to the least', () => {
    expect(ladder).toEqual([0.008, 0.004, 0.002, 0.001, 0.0005, 0.00025, 0.000125]);
  });

  it('is the first that errs no more than allowed, 0 where each does, and never rises as less is allowed', () => {
    const errors = [0.5, 0.3, 0.2, 0.1, 0.1, 0.05, 0.04];
    const found = [1, 0.5, 0.25, 0.1, 0.05, 0.01].map((allowed) => calibrated(ladder, errors, allowed));
    expect(found).toEqual([0.008, 0.008, 0.002, 0.001, 0.00025, 0]);
  });
});

describe.each(names)('task %s', (name) => {
  const draw = (seed: number) => taskNamed(name).draw(draws(seed), book, 1500);

  it('is the same for the same seed, and another for another', () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(8).text).not.toBe(draw(7).text);
  });

  it('tells what it asks, within its length', () => {
    const { text, questions } = draw(9);
    expect(questions.length).toBe(taskNamed(name).questions);
    for (const { depth = 0.5 } of questions) {
      expect(depth).toBeGreaterThanOrEqual(0);
      expect(depth).toBeLessThan(1);
    }
    for (const { values } of questions) for (const value of values) expect(isRight(text, value)).toBe(true);
    expect(book.count(text)).toBeGreaterThan(1000);
    expect(book.count(text)).toBeLessThan(1700);
  });
});

it('knows no task of another name', () => {
  expect(() => taskNamed('poetry')).toThrow(/Unknown task poetry\. Tasks: single/);
});

it('draws what it found, and writes names as text', () => {
  const outcome = (method: string, length: number, right: boolean[]) => ({
    ...{ task: 'single', method, length, text: 0, right, tokens: length, pages: 1 },
    ...{ density: 0.5, decodeDensity: 0.5, readSeconds: length / 100, answerSeconds: 1 },
  });
  const outcomes = [1024, 2048].flatMap((length) => [
    outcome('dense', length, [true, true]),
    outcome('<b>', length, [true, false]),
  ]);
  const none = { needles: [], costs: [] };
  const page = labPage({ outcomes, agreements: [], grid: [] }, none, 'A machine.');
  expect(page.match(/<polyline/g)?.length).toBe(6);
  expect(page).toContain('&lt;b&gt;');
  expect(page).toContain('>80</text>');
  expect(page).not.toContain('<b>');
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});

describe('pictures of all methods', () => {
  const needle = (method: string, length: number, density: number, decodeDensity: number) => ({
    ...{ method, length, text: 0, right: [true, false], tokens: length, density, decodeDensity },
    prefillSeconds: 1,
  });
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => needle(name, 4096, 1, 1));
  const cost = (method: string, read: number, density: number) => ({
    ...{ method, length: 4096, round: 0 },
    dense: { tokens: 4000, read: 2, first: 1, answer: 1, density: { prefill: 1, decode: 1 } },
    mine: { tokens: 4000, read, first: 1, answer: 1, density: { prefill: density, decode: 1 } },
  });

  it('draw a method where it chooses, an eighth and a quarter of a text as one line', () => {
    const chosen = [
      needle('quest', 4096, 1, 0.4),
      needle('quest-25', 4096, 1, 0.5),
      needle('sale', 4096, 0.1, 1),
    ];
    const pictures = methodPlots([...many, ...chosen, needle('dhsa', 4096, 0.1, 0.1)], []);
    const titled = (words: string): string => pictures.find((one) => one.includes(words))!;
    expect(pictures).toHaveLength(3);
    expect(titled('methods for texts and answers')).toContain('dhsa');
    expect(titled('methods for texts, answers from everything')).toContain('sale');
    const answers = titled('methods for answers');
    expect(answers.match(/<polyline/g)).toHaveLength(1);
    expect(answers.match(/<title>quest</g)).toHaveLength(2);
  });

  it('draw lengths where there are three, and of costs those that choose', () => {
    const long = [1024, 2048, 4096].map((length) => needle('dense', length, 1, 1));
    const pictures = methodPlots([...long, ...many], [cost('dhsa', 1, 0.2), cost('quest', 2, 1)]);
    expect(pictures).toHaveLength(2);
    expect(pictures[0]).toContain('right against length');
    expect(pictures[0]!.match(/<polyline/g)).toHaveLength(1);
    expect(pictures[1]).toContain('seconds of reading');
    expect(pictures[1]).toContain('dhsa');
    expect(pictures[1]).not.toContain('quest');
  });
});
