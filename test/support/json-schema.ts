// biome-ignore-all lint/suspicious/noExplicitAny: a schema and its value may be anything
/** Whether a value satisfies a JSON Schema: slow and obvious, keyword by keyword; throws for one that it does not know. */
type Schema = boolean | Readonly<Record<string, unknown>>;

const typeOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  date: (text) => {
    const day = new Date(`${text}T00:00:00Z`);
    return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(+day) && day.toISOString().startsWith(text);
  },
  time: (text) => !Number.isNaN(Date.parse(`2024-01-01T${text}`)),
  'date-time': (text) => FORMATS.date!(text.slice(0, 10)) && FORMATS.time!(text.slice(11)),
  uuid: (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text),
  email: (text) => /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(text),
  ipv4: (text) => text.split('.').length === 4 && text.split('.').every((part) => Number(part) < 256),
};

type Keyword = (wanted: any, value: any, schema: Record<string, any>, root: Schema) => boolean;
const KEYWORDS: Readonly<Record<string, Keyword>> = {
  type: (wanted, value) =>
    [wanted].flat().some((type) => typeOf(value) === type || (type === 'integer' && Number.isInteger(value))),
  const: (wanted, value) => same(wanted, value),
  enum: (wanted, value) => wanted.some((one: unknown) => same(one, value)),
  properties: (wanted, value, _, root) =>
    typeOf(value) !== 'object' ||
    Object.keys(value).every(
      (key) => !Object.hasOwn(wanted, key) || satisfies(wanted[key], value[key], root),
    ),
  required: (wanted, value) =>
    typeOf(value) !== 'object' || wanted.every((key: string) => Object.hasOwn(value, key)),
  additionalProperties: (wanted, value, { properties = {} }, root) =>
    typeOf(value) !== 'object' ||
    Object.keys(value).every((key) => Object.hasOwn(properties, key) || satisfies(wanted, value[key], root)),
  prefixItems: (wanted, value, _, root) =>
    typeOf(value) !== 'array' ||
    wanted.every((one: Schema, i: number) => i >= value.length || satisfies(one, value[i], root)),
  items: (wanted, value, { prefixItems = [] }, root) =>
    typeOf(value) !== 'array' ||
    value.slice(prefixItems.length).every((one: unknown) => satisfies(wanted, one, root)),
  minItems: (wanted, value) => typeOf(value) !== 'array' || value.length >= wanted,
  maxItems: (wanted, value) => typeOf(value) !== 'array' || value.length <= wanted,
  minLength: (wanted, value) => typeof value !== 'string' || [...value].length >= wanted,
  maxLength: (wanted, value) => typeof value !== 'string' || [...value].length <= wanted,
  pattern: (wanted, value) => typeof value !== 'string' || new RegExp(wanted, 'u').test(value),
  format: (wanted, value) => typeof value !== 'string' || FORMATS[wanted]!(value),
  minimum: (wanted, value) => typeof value !== 'number' || value >= wanted,
  maximum: (wanted, value) => typeof value !== 'number' || value <= wanted,
  exclusiveMinimum: (wanted, value) => typeof value !== 'number' || value > wanted,
  exclusiveMaximum: (wanted, value) => typeof value !== 'number' || value < wanted,
  anyOf: (wanted, value, _, root) => wanted.some((one: Schema) => satisfies(one, value, root)),
  oneOf: (wanted, value, _, root) => wanted.filter((one: Schema) => satisfies(one, value, root)).length === 1,
  allOf: (wanted, value, _, root) => wanted.every((one: Schema) => satisfies(one, value, root)),
  $ref: (wanted, value, _, root) => {
    let found: any = root;
    for (const step of wanted.slice(1).split('/').slice(1))
      found = found[step.replaceAll('~1', '/').replaceAll('~0', '~')];
    return satisfies(found, value, root);
  },
};
const SILENT = new Set(['$schema', '$defs', 'title', 'description', 'default']);

export const satisfies = (schema: Schema, value: unknown, root: Schema = schema): boolean => {
  if (typeof schema === 'boolean') return schema;
  return Object.entries(schema).every(([key, wanted]) => {
    if (SILENT.has(key)) return true;
    if (!KEYWORDS[key]) throw new Error(`no such keyword: ${key}`);
    return KEYWORDS[key](wanted, value, schema as Record<string, unknown>, root);
  });
};
