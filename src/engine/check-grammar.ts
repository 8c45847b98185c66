import { LonghandError } from '../errors.js';
import type { GenerateSettings } from '../generate/generate.js';
import { text } from '../options.js';

export const GRAMMARS = ['schema', 'pattern', 'grammar'];

/** What an answer must be is said in one way at most. */
export const checkGrammar = (options: GenerateSettings): void => {
  const { schema, pattern, grammar } = options;
  text('grammar', grammar);
  const isExpression = pattern instanceof RegExp;
  if (!isExpression) text('pattern', pattern);
  const isSchema = ['undefined', 'boolean', 'object'].includes(typeof schema) && schema !== null;
  const given = GRAMMARS.filter((name) => options[name as keyof GenerateSettings] !== undefined);
  if (isSchema && given.length < 2) return;
  throw new LonghandError(
    'input/option',
    isSchema
      ? `An answer cannot follow ${given.join(' and ')} at once. Give one of them.`
      : 'The option schema must be a JSON Schema: an object, true or false.',
    { option: given.at(-1)! },
  );
};
