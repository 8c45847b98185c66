import type { Builder } from './builder.js';
import type { Fragment } from './network.js';
import type { Keywords, SchemaContext } from './schema-context.js';

/** Beyond it neighbouring whole numbers are no longer told apart. */
const LARGEST = 999_999_999_999_999;
/** Digits behind the point. */
const PLACES = 15;
const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;

/** Digits from `low` to `high`, of one length. */
const between = (builder: Builder, low: string, high: string): Fragment => {
  const { bytes, sequence, choice, repeat } = builder;
  const digit = (from: number, to: number): Fragment => bytes([0x30 + from, 0x30 + to]);
  const rest = low.length - 1;
  if (rest < 0) return builder.nothing;
  const [from, to] = [Number(low[0]), Number(high[0])];
  const tail = (a: string, b: string): Fragment => between(builder, a, b);
  if (from === to) return sequence(digit(from, from), tail(low.slice(1), high.slice(1)));
  const isLow = /^0*$/.test(low.slice(1));
  const isHigh = /^9*$/.test(high.slice(1));
  const [first, last] = [isLow ? from : from + 1, isHigh ? to : to - 1];
  return choice(
    ...(isLow ? [] : [sequence(digit(from, from), tail(low.slice(1), '9'.repeat(rest)))]),
    ...(first <= last ? [sequence(digit(first, last), repeat(digit(0, 9), rest, rest))] : []),
    ...(isHigh ? [] : [sequence(digit(to, to), tail('0'.repeat(rest), high.slice(1)))]),
  );
};

/** Whole numbers from `low` to `high`, neither below 0. */
const upTo = (builder: Builder, low: number, high: number): Fragment[] => {
  const parts: Fragment[] = [];
  for (let from = low; from <= high; ) {
    const to = Math.min(high, 10 ** String(from).length - 1);
    parts.push(between(builder, String(from), String(to)));
    from = to + 1;
  }
  return parts;
};

const boundsOf = ({ refuse }: SchemaContext, schema: Keywords, at: string): Partial<Record<string, number>> =>
  Object.fromEntries(
    BOUNDS.filter((keyword) => schema[keyword] !== undefined).map((keyword) => {
      const found = schema[keyword];
      if (typeof found !== 'number' || !Number.isFinite(found))
        throw refuse(keyword, `${keyword} must be a number`, at);
      return [keyword, found];
    }),
  );

/** Whole numbers within any bounds, of at most 15 digits. */
export const integerOf = (context: SchemaContext, schema: Keywords, at: string): Fragment => {
  const { builder } = context;
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = boundsOf(context, schema, at);
  const low = Math.max(
    -LARGEST,
    Math.ceil(minimum ?? -LARGEST),
    Math.floor(exclusiveMinimum ?? -LARGEST - 1) + 1,
  );
  const high = Math.min(
    LARGEST,
    Math.floor(maximum ?? LARGEST),
    Math.ceil(exclusiveMaximum ?? LARGEST + 1) - 1,
  );
  return builder.choice(
    ...upTo(builder, Math.max(low, 0), high),
    ...(low < 0
      ? [builder.sequence(builder.text('-'), builder.choice(...upTo(builder, Math.max(1, -high), -low)))]
      : []),
  );
};

/** Numbers from `low` to `high`, whole and neither below 0: below `high` any digits may stand behind the point. */
const decimals = (builder: Builder, low: number, high: number): Fragment[] => {
  const { bytes, choice, repeat, sequence, text } = builder;
  const point = (digit: Fragment): Fragment => repeat(sequence(text('.'), repeat(digit, 1, PLACES)), 0, 1);
  if (high < low) return [];
  return [
    sequence(text(String(high)), point(text('0'))),
    ...(low < high ? [sequence(choice(...upTo(builder, low, high - 1)), point(bytes([0x30, 0x39])))] : []),
  ];
};

/** Any number; within whole bounds without an exponent, since they are held while the digits come one by one. */
export const numberOf = (context: SchemaContext, schema: Keywords, at: string): Fragment => {
  const { builder, json, refuse } = context;
  const bounds = boundsOf(context, schema, at);
  const wrong = Object.keys(bounds).find(
    (keyword) => /^excl/.test(keyword) || !Number.isInteger(bounds[keyword]),
  );
  if (wrong !== undefined)
    throw refuse(wrong, `${wrong} is known here for integers (for numbers: whole minimum and maximum)`, at);
  const { minimum, maximum } = bounds;
  if (maximum === undefined && (minimum ?? 0) === 0)
    return minimum === undefined ? json.number : json.positive;
  const low = Math.max(-LARGEST, minimum ?? -LARGEST);
  const high = Math.min(LARGEST, maximum ?? LARGEST);
  return builder.choice(
    ...decimals(builder, Math.max(low, 0), high),
    ...decimals(builder, Math.max(0, -high), -low).map((below) => builder.sequence(builder.text('-'), below)),
  );
};
