/**
 * How time grows with the length of a text: reading 4k to 32k, and one more token of an answer behind 2k to 32k. Dense
 * attention stops at half of that: the other half would take longer than all the rest.
 */
import type { AttentionOptions } from '../../src/predictors/index.js';
import { makeModel } from '../make-model.js';
import { type Goal, table } from './goal.js';
import { type Mark, openOurs } from './ours.js';
import { openPlace } from './place.js';

interface Walk {
  readonly name: string;
  readonly attention: AttentionOptions;
  readonly threads: number;
  /** Stops at half of the greatest length. */
  readonly half?: boolean;
}

const BUDGET: AttentionOptions = { method: 'dhsa', budget: 2048 };
const WALKS: readonly Walk[] = [
  { name: 'dhsa, budget 2048', attention: BUDGET, threads: 2 },
  { name: 'dhsa, budget 2048, one thread', attention: BUDGET, threads: 1 },
  { name: 'dhsa, 12.5 %', attention: { method: 'dhsa', density: 0.125 }, threads: 2 },
  { name: 'dense', attention: { method: 'dense' }, threads: 2, half: true },
];

/** Slope of log seconds over log tokens, by least squares. */
export const exponent = (marks: readonly Mark[]): number => {
  const points = marks.map(({ tokens, read }) => [Math.log(tokens), Math.log(read)] as const);
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / points.length;
  const [x, y] = [mean(0), mean(1)];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
};

export const growth: Goal = {
  name: 'growth',
  about: 'reading from 4k to 32k tokens and answering behind 2k to 32k: DHSA, 12.5 % density, dense',

  async measure(results, { quick, shape }) {
    const lengths = quick ? [512, 1024, 2048] : [2048, 4096, 8192, 16_384, 32_768];
    const path = makeModel(shape, 'Q8_0');
    const found = new Map<string, Mark[]>();
    for (const { name, attention, threads, half } of WALKS) {
      const own = half ? lengths.slice(0, -1) : lengths;
      const marks = await results.row(`${name}, ${threads} threads`, async (): Promise<Mark[]> => {
        const place = await openPlace('Chromium');
        const opened = await openOurs(place, path, { threads, attention, maxTokens: 40_000 });
        const made: Mark[] = [];
        await opened.walk(own, quick ? 4 : 16, (mark) => {
          made.push(mark);
          process.stdout.write(`${mark.tokens}: ${mark.read.toFixed(0)} s … `);
        });
        await opened.close();
        await place.close();
        return made;
      });
      found.set(name, marks);
    }
    const names = [...found.keys()];
    const at = (name: string, i: number): Mark | undefined => found.get(name)![i];
    const measured = lengths.slice(1);
    const reading = [
      ...measured.map((tokens, i) => [
        tokens,
        ...names.map((name) => {
          const mark = at(name, i + 1);
          return mark ? `${mark.read.toFixed(1)} s (${(100 * mark.density).toFixed(1)} %)` : '–';
        }),
      ]),
      ['exponent', ...names.map((name) => exponent(found.get(name)!.slice(1)).toFixed(2))],
    ];
    const answering = [
      ...lengths.map((tokens, i) => [
        tokens,
        ...names.map((name) => (at(name, i) ? `${at(name, i)!.answer.toFixed(1)} ms` : '–')),
      ]),
      ...[0, 1].map((from) => [
        `greatest to least from ${lengths[from]} on`,
        ...names.map((name) => {
          const all = found
            .get(name)!
            .slice(from)
            .map(({ answer }) => answer);
          return `${(Math.max(...all) / Math.min(...all)).toFixed(2)}×`;
        }),
      ]),
    ];
    return [
      ...table(['tokens read (density)', ...names], reading),
      ...table(['one more token behind', ...names], answering),
      'Chromium, Q8_0, 2 threads where nothing else is said.',
      '',
    ];
  },
};
