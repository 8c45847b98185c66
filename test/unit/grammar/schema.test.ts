/** What may be written against a plain validator, and what the validator takes against what may be written. */
import { describe, expect, test } from 'vitest';
import { compileGrammar } from '../../../src/generate/grammar/compile.js';
import { createRecogniser } from '../../../src/generate/grammar/recogniser.js';
import { satisfies } from '../../support/json-schema.js';
import { random } from '../../support/random.js';
import { reads, refusal } from './reading.js';
import { SCHEMAS, VALUES } from './schemas.js';
import { wander } from './wander.js';

describe.each(Object.entries(SCHEMAS))('%s', (_, schema) => {
  test('whatever may be written satisfies it', () => {
    const dice = random(5);
    const recogniser = createRecogniser(compileGrammar({ schema }), 'schema');
    let ended = 0;
    for (let i = 0; i < 25; i++) {
      const text = wander(recogniser, dice);
      if (text === undefined) continue;
      ended += 1;
      expect(satisfies(schema, JSON.parse(text)), text).toBe(true);
    }
    expect(ended).toBeGreaterThan(1);
  });

  test('of known values those that satisfy it may be written, compact or spread out', () => {
    const accepts = reads({ schema });
    // Properties that are not named come only where the schema speaks of them.
    const isClosed = (value: unknown): boolean =>
      !('properties' in schema) ||
      'additionalProperties' in schema ||
      typeof value !== 'object' ||
      Object.keys(value ?? {}).every((key) => key in schema.properties || schema.required?.includes(key));
    let taken = 0;
    for (const value of VALUES) {
      const is = satisfies(schema, value);
      const written = accepts(JSON.stringify(value)) === true;
      if (written) expect(is, JSON.stringify(value)).toBe(true);
      // Within bounds numbers are written without exponents.
      if (schema.type === 'number' && schema.maximum !== undefined && /e/.test(JSON.stringify(value)))
        continue;
      if (!is || !isClosed(value) || KNOWN_GAPS.includes(JSON.stringify(value))) continue;
      if (schema.oneOf || (Array.isArray(value) && schema.prefixItems && !schema.items && value.length > 2))
        continue;
      expect(written, JSON.stringify(value)).toBe(true);
      // Listed values are written in one way.
      const spread = JSON.stringify(value, null, 1);
      if (!schema.enum) expect(accepts(spread), spread).toBe(true);
      taken += 1;
    }
    expect(taken + (schema.oneOf ? 1 : 0) + (schema.pattern || schema.format ? 1 : 0)).toBeGreaterThan(0);
  });
});

/** Satisfies formats and is never written: the leap day. 1e21 has more digits than are written. */
const KNOWN_GAPS = ['"2024-02-29"', '1e+21'];

describe('is refused, by the keyword and its place', () => {
  test.each([
    [
      { type: 'object', properties: { a: { type: 'array', uniqueItems: true } } },
      'uniqueItems #/properties/a',
    ],
    [{ not: {} }, 'not #'],
    [{ type: 'number', multipleOf: 2 }, 'multipleOf #'],
    [{ type: 'number', maximum: 2.5 }, 'maximum #'],
    [{ type: 'number', minimum: 0, exclusiveMaximum: 2 }, 'exclusiveMaximum #'],
    [{ type: 'object', patternProperties: {} }, 'patternProperties #'],
    [{ type: 'object', minProperties: 1 }, 'minProperties #'],
    [{ if: {}, else: {} }, 'if #'],
    [{ allOf: [{}, {}] }, 'allOf #'],
    [{ anyOf: [{}], type: 'string' }, 'type #'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, 'oneOf #'],
    [{ type: 'string', format: 'hostname' }, 'format #'],
    [{ type: 'string', pattern: 'a', maxLength: 3 }, 'maxLength #'],
    [{ type: 'string', pattern: '(?=a)' }, '(?=a /(?=a)/'],
    [{ type: 'nope' }, 'type #'],
    [{ type: 'array', items: [{}] }, 'items #'],
    [{ $ref: 'https://example.org/s' }, '$ref #'],
    [{ $ref: '#/$defs/lost' }, '$ref #'],
    [{ $ref: '#' }, 'empty'],
    [{ anyOf: [{ $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#' }, {}] } } }, 'recursion'],
    [false, 'empty'],
    [{ type: 'object', properties: { a: false }, required: ['a'] }, 'empty'],
    [{ type: 'array', items: { $ref: '#' }, minItems: 1 }, 'empty'],
    [{ enum: [] }, 'empty'],
    [{ enum: 3 }, 'enum #'],
    [{ type: 'integer', minimum: 3, maximum: 2 }, 'empty'],
    [{ type: 'string', minLength: -1 }, 'minLength #'],
    [{ type: 'string', maxLength: 1e6 }, 'repeat'],
    [{ properties: { a: 7 } }, 'schema #/properties/a'],
    [{ required: 'a' }, 'required #'],
  ])('%j', (schema, named) => {
    expect(refusal({ schema })).toBe(`unsupported/constraint ${named}`);
  });

  test('what is no JSON, or nested without end', () => {
    const round: Record<string, unknown> = { type: 'array' };
    round.items = round;
    expect(refusal({ schema: round })).toBe('unsupported/constraint schema #');
    let deep: unknown = { type: 'null' };
    for (let i = 0; i < 200; i++) deep = { type: 'array', items: deep };
    expect(refusal({ schema: deep })).toMatch(/^unsupported\/constraint depth/);
  });
});
