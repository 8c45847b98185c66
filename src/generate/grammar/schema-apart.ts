import type { Keywords } from './schema-context.js';

const TYPE_NAMES = ['object', 'array', 'string', 'number', 'boolean', 'null'];

const valuesOf = (schema: Keywords): readonly unknown[] | undefined =>
  schema.const !== undefined ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : undefined;
const typesOf = (schema: Keywords): readonly string[] => {
  const values = valuesOf(schema);
  if (values)
    return values.map((value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value));
  const types = schema.type === undefined ? TYPE_NAMES : [schema.type].flat().map(String);
  return types.map((type) => (type === 'integer' ? 'number' : type));
};

/** Whether no value satisfies both: other types, other listed values, or other values of a required property. */
const isApart = (a: unknown, b: unknown): boolean => {
  if (a === false || b === false) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [one, other] = [a as Keywords, b as Keywords];
  const [values, others] = [valuesOf(one), valuesOf(other)];
  if (values && others) {
    const written = new Set(values.map((value) => JSON.stringify(value)));
    const isPlain = [...values, ...others].every((value) => typeof value !== 'object' || value === null);
    return isPlain && others.every((value) => !written.has(JSON.stringify(value)));
  }
  const shared = typesOf(one).filter((type) => typesOf(other).includes(type));
  if (shared.length === 0) return true;
  if (shared.some((type) => type !== 'object')) return false;
  const required = [one.required, other.required].map((names) => (Array.isArray(names) ? names : []));
  const properties = [one.properties, other.properties].map((all) => (all ?? {}) as Keywords);
  return required[0]!.some(
    (name) =>
      typeof name === 'string' &&
      required[1]!.includes(name) &&
      properties.every((all) => Object.hasOwn(all, name)) &&
      isApart(properties[0]![name], properties[1]![name]),
  );
};

/** Whether of these schemas at most one holds for any value, as far as can be told. */
export const areApart = (schemas: readonly unknown[]): boolean =>
  schemas.every((one, i) => schemas.slice(i + 1).every((other) => isApart(one, other)));
