import type { Slots } from './template-slots.js';
import type { Tool } from './tool.js';

/** Keys that a template may look for; every other one is a text of the schema's author. */
const KEYWORDS = new Set(
  (
    'type properties required additionalProperties items prefixItems minItems maxItems minLength maxLength pattern format ' +
    'minimum maximum exclusiveMinimum exclusiveMaximum anyOf oneOf allOf enum const title description default examples ' +
    'nullable $ref $defs definitions $schema $id $comment deprecated readOnly writeOnly not if then else uniqueItems ' +
    'multipleOf'
  ).split(' '),
);
/** Their own keys are names that the author gave. */
const OF_NAMES = new Set(['properties', '$defs', 'definitions', 'patternProperties']);
const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);

/**
 * Tools in the shape that templates expect, every text in them a word of `slots`: a template may look at types and
 * keywords, and prints the rest.
 */
export const wordTools = (tools: readonly Tool[], { word }: Slots): unknown[] => {
  const worded = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return key === 'type' && TYPES.has(value) ? value : word(value);
    if (Array.isArray(value)) return value.map((one) => worded(one, key));
    if (typeof value !== 'object' || value === null) return value;
    const isOfNames = OF_NAMES.has(key);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => {
        const isKeyword = !isOfNames && KEYWORDS.has(name);
        return [isKeyword ? name : word(name), worded(one, isOfNames ? '' : name)];
      }),
    );
  };
  return tools.map(({ name, description = '', parameters }) => ({
    type: 'function',
    function: {
      name: word(name),
      description: word(description),
      parameters: worded(JSON.parse(JSON.stringify(parametersOf(parameters))), ''),
    },
  }));
};

/** No schema means no arguments. */
export const parametersOf = (parameters: unknown): unknown =>
  parameters ?? { type: 'object', properties: {}, additionalProperties: false };
