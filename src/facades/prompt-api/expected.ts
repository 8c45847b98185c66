import type { CoreOptions } from './protocol.js';
import { CONTENT_TYPES } from './read-prompt.js';
import { refusalOfTools } from './read-tools.js';
import { readSampling } from './sampling.js';

const EFFORTS = ['none', 'low', 'medium', 'high'];

/** Whether one of `known` is the language or a wider one: `en` serves `en-GB`. */
const isServed = (language: string, known: readonly string[]): boolean =>
  known.some((one) => language === one || language.startsWith(`${one}-`) || one.startsWith(`${language}-`));

/**
 * Whether a session may be asked for so; why not, in words. `languages`: those of the model, where they are known.
 * Errors: `TypeError` for words that the draft has not, `RangeError` for what is no language tag.
 */
export const refusalOf = (
  options: CoreOptions,
  languages: readonly string[] | undefined,
): string | undefined => {
  readSampling(options);
  const known = languages && Intl.getCanonicalLocales([...languages]);
  const asked = [...(options.expectedInputs ?? []), ...(options.expectedOutputs ?? [])];
  const canonical = asked.map(({ type, languages: wanted }) => {
    if (!CONTENT_TYPES.includes(type))
      throw new TypeError(`A content of the type '${String(type)}' is not known.`);
    return { type, wanted: Intl.getCanonicalLocales(wanted ? [...wanted] : []) };
  });
  const { effort = 'none', includeThoughts = false } = options.thinking ?? {};
  if (!EFFORTS.includes(effort)) throw new TypeError(`There is no effort '${effort}'.`);
  for (const { type, wanted } of canonical) {
    if (type !== 'text') return `contents of the type '${type}' are neither read nor written here`;
    const strange = known && wanted.find((language) => !isServed(language, known));
    if (strange !== undefined) return `the language '${strange}' is none of the model's`;
  }
  const tools = refusalOfTools(options.tools ?? []);
  if (tools !== undefined) return tools;
  if (includeThoughts) return 'thoughts are not told in this interface';
  return undefined;
};
