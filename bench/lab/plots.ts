/** Plots of the laboratory's results as SVG: points joined by lines, one colour a method. */

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axes {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Doublings are equally far apart. Default false. */
  readonly logX?: boolean;
  readonly logY?: boolean;
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 380, 64, 190, 34, 46];

export const escaped = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');

const short = (x: number): string => {
  if (x === 0) return '0';
  if (Math.abs(x) >= 1000) return `${Number((x / 1000).toPrecision(3))}k`;
  return String(Number(x.toPrecision(2)));
};

/** Where a number stands between the least and the greatest: 0 to 1. */
const placed = (least: number, most: number, log: boolean) => {
  const of = log ? Math.log : (x: number): number => x;
  return (x: number): number => (most === least ? 0.5 : (of(x) - of(least)) / (of(most) - of(least)));
};

/** One, two or five times a power of ten, of which about five make up a span. */
const roundStep = (span: number): number => {
  const power = 10 ** Math.floor(Math.log10(span / 5));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => span / step <= 6)!;
};

/** Least and greatest of an axis: from 0 to a round number, or what there is. */
const boundsOf = (all: readonly number[], log: boolean): [number, number] => {
  const [least, most] = [Math.min(...all), Math.max(...all)];
  if (log || (least === most && most === 0)) return [least, most];
  const from = Math.min(0, least);
  const step = roundStep(most - from);
  return [from, from + Math.ceil((most - from) / step - 1e-9) * step];
};

const ticks = (least: number, most: number, log: boolean): number[] => {
  if (least === most) return [least];
  if (!log) {
    const step = roundStep(most - least);
    return Array.from({ length: Math.floor((most - least) / step + 1e-9) + 1 }, (_, i) => least + i * step);
  }
  return Array.from({ length: 6 }, (_, i) => least * (most / least) ** (i / 5));
};

const colour = (i: number): string => `hsl(${(i * 137.5) % 360} 62% 45%)`;

/** A picture of some two dozen series at most that a page can hold as it is; its colours suit light and dark. */
export const plot = (
  { title, x, y, logX = false, logY = false }: Axes,
  series: readonly Series[],
): string => {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return '';
  const [xs, ys] = [points.map(([a]) => a), points.map(([, b]) => b)];
  const [across, up] = [boundsOf(xs, logX), boundsOf(ys, logY)];
  const [right, height] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const [toX, toY] = [placed(...across, logX), placed(...up, logY)];
  const atX = (value: number): string => (LEFT + right * toX(value)).toFixed(1);
  const atY = (value: number): string => (TOP + height * (1 - toY(value))).toFixed(1);
  const text = (a: number | string, b: number | string, words: string, anchor = 'middle'): string =>
    `<text x="${a}" y="${b}" text-anchor="${anchor}">${escaped(words)}</text>`;
  const grid = [
    ...ticks(...across, logX).map(
      (value) =>
        `<line x1="${atX(value)}" x2="${atX(value)}" y1="${TOP}" y2="${TOP + height}"/>${text(atX(value), TOP + height + 16, short(value))}`,
    ),
    ...ticks(...up, logY).map(
      (value) =>
        `<line x1="${LEFT}" x2="${LEFT + right}" y1="${atY(value)}" y2="${atY(value)}"/>${text(LEFT - 8, Number(atY(value)) + 4, short(value), 'end')}`,
    ),
  ];
  // Names where there is room for them: all of them stand beside the picture.
  const labels: (readonly [x: number, y: number])[] = points.map(([a, b]) => [
    Number(atX(a)),
    Number(atY(b)),
  ]);
  const labelled = (a: number, b: number, words: string): string => {
    const [from, to] = [a + 6, a + 6 + 6.2 * words.length];
    const isTaken = labels.some(([x, y]) => x > from - 4 && x < to + 4 && Math.abs(y - b) < 12);
    if (isTaken || to > LEFT + right) return '';
    for (let x = from; x <= to; x += 6) labels.push([x, b]);
    return text(from, b + 4, words, 'start');
  };
  const drawn = series.map(({ name, points: mine }, i) => {
    const places = [...mine].sort(([a], [b]) => a - b).map(([a, b]) => [atX(a), atY(b)] as const);
    const line = `<polyline points="${places.map(([a, b]) => `${a},${b}`).join(' ')}" style="stroke:${colour(i)}"/>`;
    const dots = places.map(
      ([a, b]) =>
        `<circle cx="${a}" cy="${b}" r="3.5" style="fill:${colour(i)}"><title>${escaped(name)}</title></circle>`,
    );
    const legend = TOP + 8 + i * 17;
    const beside = LEFT + right + 18;
    return [
      line,
      ...dots,
      `<circle cx="${beside}" cy="${legend}" r="4" style="fill:${colour(i)}"/>`,
      text(beside + 10, legend + 4, name, 'start'),
      ...places.slice(-1).map(([a, b]) => labelled(Number(a), Number(b), name)),
    ].join('');
  });
  return [
    `<svg viewBox="0 0 ${WIDTH} ${Math.max(HEIGHT, TOP + 20 + series.length * 17)}" role="img" aria-label="${escaped(title)}">`,
    text(LEFT, 18, title, 'start'),
    ...grid,
    ...drawn,
    text(LEFT + right / 2, HEIGHT - 8, x),
    `<text transform="translate(14 ${TOP + height / 2}) rotate(-90)" text-anchor="middle">${escaped(y)}</text>`,
    '</svg>',
  ].join('\n');
};
