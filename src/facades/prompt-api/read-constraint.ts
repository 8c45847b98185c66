import type { AskOptions } from '../../index.js';
import { notSupported } from './exceptions.js';
import type { PromptOptions } from './protocol.js';

/** The form of an answer. */
export interface ReadConstraint {
  readonly constraint: Pick<AskOptions, 'schema' | 'pattern'>;
  /** What the model is told of it; nothing where it is not. */
  readonly guidance: string;
}

const jsonOf = (schema: object): string => {
  try {
    return JSON.stringify(schema);
  } catch (error) {
    throw notSupported(
      `The schema cannot be written as JSON: ${error instanceof Error ? error.message : error}`,
    );
  }
};

/** Errors: `TypeError` for what is no constraint, or for leaving out what was not given; `NotSupportedError`. */
export const readConstraint = (options: PromptOptions): ReadConstraint => {
  const { responseConstraint: form, omitResponseConstraintInput: omitted = false } = options;
  if (form === undefined || form === null) {
    if (omitted) throw new TypeError('There is no `responseConstraint` that could be left out of the input.');
    return { constraint: {}, guidance: '' };
  }
  if (typeof form !== 'object')
    throw new TypeError('A `responseConstraint` is a JSON Schema (an object) or a `RegExp`.');
  const isPattern = form instanceof RegExp || Object.prototype.toString.call(form) === '[object RegExp]';
  const told = isPattern
    ? `Answer with text that matches the regular expression ${String(form)}`
    : `Answer with JSON that this JSON Schema allows: ${jsonOf(form)}`;
  return {
    constraint: isPattern ? { pattern: form as RegExp } : { schema: JSON.parse(jsonOf(form)) },
    guidance: omitted ? '' : told,
  };
};
