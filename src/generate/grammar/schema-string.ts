import { complement } from './characters.js';
import type { Fragment } from './network.js';
import { parsePattern } from './pattern.js';
import { countOf, type Keywords, type SchemaContext } from './schema-context.js';

const DAY = '(0[1-9]|1\\d|2[0-8])';
/** Every month has 28 days; the others are added where there are more, and 29 February is left out. */
const DATE = `\\d{4}-((0[1-9]|1[0-2])-${DAY}|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)`;
const TIME = '([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+\\-]([01]\\d|2[0-3]):[0-5]\\d)';
const BYTE = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';

/** Formats that can be written as expressions (RFC 3339, 4122, 5321 in its plain part, 791). */
const FORMATS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE}T${TIME}`,
  uuid: '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  email: '[a-zA-Z0-9_+\\-]{1,32}(\\.[a-zA-Z0-9_+\\-]{1,16}){0,2}@([a-zA-Z0-9]{1,32}\\.){1,4}[a-zA-Z]{2,16}',
  ipv4: `${BYTE}(\\.${BYTE}){3}`,
};

/** Strings, by length in characters, by `pattern` (anywhere in the string unless anchored), or by `format`. */
export const stringOf = (context: SchemaContext, schema: Keywords, at: string): Fragment => {
  const { builder, json, refuse } = context;
  const { sequence, text, repeat } = builder;
  const least = countOf(context, schema, 'minLength', 0, at);
  const most = countOf(context, schema, 'maxLength', Number.POSITIVE_INFINITY, at);
  const given = ['pattern', 'format'].filter((keyword) => schema[keyword] !== undefined);
  if (given.length === 0) return most < least ? builder.choice() : json.string(least, most);
  const lengths = ['minLength', 'maxLength'].find((keyword) => schema[keyword] !== undefined);
  const beside = given[1] ?? lengths;
  if (beside) throw refuse(beside, `${beside} beside ${given[0]} is not known here`, at);
  const found = schema[given[0]!];
  if (typeof found !== 'string') throw refuse(given[0]!, `${given[0]} must be a string`, at);
  const isFormat = given[0] === 'format';
  if (isFormat && !Object.hasOwn(FORMATS, found))
    throw refuse(
      'format',
      `of formats only ${Object.keys(FORMATS).join(', ')} are known here, not "${found}"`,
      at,
    );
  const source = isFormat ? `^(${FORMATS[found]})$` : found;
  const { body, fromStart, toEnd } = parsePattern(
    builder,
    'schema',
    source,
    unicodeIfItCan(source),
    json.character,
  );
  const anything = repeat(json.character(complement([])), 0, Number.POSITIVE_INFINITY);
  return sequence(text('"'), ...(fromStart ? [] : [anything]), body, ...(toEnd ? [] : [anything]), text('"'));
};

/** JSON Schema asks for Unicode expressions; those that are none are read as they are. */
const unicodeIfItCan = (source: string): string => {
  try {
    new RegExp(source, 'u');
    return 'u';
  } catch {
    return '';
  }
};
