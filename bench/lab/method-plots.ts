import type { Cost } from '../cost-table.js';
import type { NeedleResult } from '../needle-tables.js';
import { mean } from './intervals.js';
import { baseOf } from './methods.js';
import { plot, type Series } from './plots.js';
import { byMethod, distinct, percentRight } from './series.js';

/** Which of its densities a method chooses by: nearly all of the other one is read. */
type Kind = 'reading' | 'answers' | 'both';
const ALL = 0.995;
const kindOf = ({ density, decodeDensity }: NeedleResult): Kind | undefined => {
  if (density < ALL) return decodeDensity < ALL ? 'both' : 'reading';
  return decodeDensity < ALL ? 'answers' : undefined;
};
const titles: Readonly<Record<Kind, string>> = {
  reading: 'methods for texts, answers from everything',
  answers: 'methods for answers and what is kept, texts read densely',
  both: 'methods for texts and answers',
};
const kinds = Object.keys(titles) as Kind[];

/** A method's results with an eighth of a text, and with a quarter: a line of two points. */
const sharesOf = (results: readonly NeedleResult[], kind: Kind): Series[] =>
  distinct(results.map(({ method }) => baseOf(method))).map((name) => {
    const mine = results.filter(({ method }) => baseOf(method) === name);
    const points = distinct(mine.map(({ method }) => method)).map((method) => {
      const some = mine.filter((one) => one.method === method);
      const read = some.map((one) => (kind === 'reading' ? one.density : one.decodeDensity));
      return [100 * mean(read), percentRight(some)] as const;
    });
    return { name, points };
  });

/** What is found against what is read: a picture for each length at which more than a handful was measured, and each kind of method. */
const needlesByDensity = (needles: readonly NeedleResult[]): string[] =>
  distinct(needles.map(({ length }) => length))
    .sort((a, b) => a - b)
    .map((length) => needles.filter((one) => one.length === length))
    .filter((here) => distinct(here.map(({ method }) => method)).length > 8)
    .flatMap((here) => {
      const tokens = Math.round(mean(here.map((one) => one.tokens))).toLocaleString('en');
      return kinds.map((kind) =>
        plot(
          {
            title: `needles in ${tokens} tokens: ${titles[kind]}`,
            x: `density of ${kind === 'reading' ? 'reading' : 'questions and answers'}, %`,
            y: 'right, %',
          },
          sharesOf(
            here.filter((one) => kindOf(one) === kind),
            kind,
          ),
        ),
      );
    });

/** Methods that were measured at three lengths or more: what is found against how long the text is. */
const needlesByLength = (needles: readonly NeedleResult[]): string => {
  const series = byMethod(needles, (some) => mean(some.map(({ tokens }) => tokens)), percentRight);
  const axes = { title: 'needles: right against length', x: 'tokens', y: 'right, %', logX: true };
  return plot(
    axes,
    series.filter(({ points }) => points.length > 2),
  );
};

/** Times of dense attention's against length: of those alone that choose there. */
const costsByLength = (costs: readonly Cost[], what: 'read' | 'answer'): string => {
  const phase = what === 'read' ? 'prefill' : 'decode';
  const chosen = costs.filter(({ mine }) => mine.density[phase] < ALL);
  const series = distinct(chosen.map(({ method }) => method)).map((name) => ({
    name,
    points: chosen
      .filter(({ method }) => method === name)
      .map(({ mine, dense }) => [mine.tokens, mine[what] / dense[what]] as const),
  }));
  return plot(
    {
      title: `seconds of ${what === 'read' ? 'reading' : 'an answer'}, as parts of what dense attention takes`,
      ...{ x: 'tokens', y: 'times dense', logX: true, logY: true },
    },
    series.filter(({ name }) => name === baseOf(name)),
  );
};

/** Pictures of all methods together: what they find by density and length, and what they cost. */
export const methodPlots = (needles: readonly NeedleResult[], costs: readonly Cost[]): string[] =>
  [
    needlesByLength(needles),
    ...needlesByDensity(needles),
    costsByLength(costs, 'read'),
    costsByLength(costs, 'answer'),
  ].filter(Boolean);
