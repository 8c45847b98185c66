/** A property of a tool's arguments. */
interface Property {
  readonly name: string;
  /** With what it may refer to. */
  readonly schema: unknown;
  readonly isRequired: boolean;
}

type Keywords = Readonly<Record<string, unknown>>;
const isRecord = (value: unknown): value is Keywords =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A schema of text: where text is written as it is, nothing else tells `5` from the number. */
export const isText = (
  schema: unknown,
): schema is Keywords & { readonly enum?: readonly unknown[]; readonly const?: unknown } => {
  if (!isRecord(schema)) return false;
  const values = Array.isArray(schema.enum) ? schema.enum : schema.const === undefined ? [] : [schema.const];
  const areTexts = values.length > 0 && values.every((one) => typeof one === 'string');
  return schema.type === 'string' || (schema.type === undefined && areTexts);
};

/** What a tool's arguments are called, in order; undefined where there may be others than those that are named. */
export const propertiesOf = (parameters: unknown): readonly Property[] | undefined => {
  if (parameters === undefined) return [];
  const { properties = {}, required = [], additionalProperties, $defs, definitions } = parameters as Keywords;
  const named = isRecord(properties) ? Object.entries(properties) : [];
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const isKnown = needed.every((name) => named.some(([one]) => one === name));
  if (!isKnown || (additionalProperties !== undefined && additionalProperties !== false)) return undefined;
  const around = { ...(isRecord($defs) && { $defs }), ...(isRecord(definitions) && { definitions }) };
  return named.map(([name, schema]) => ({
    name,
    schema: isRecord(schema) ? { ...around, ...schema } : schema,
    isRequired: needed.includes(name),
  }));
};
