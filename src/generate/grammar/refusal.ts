import { LonghandError } from '../../errors.js';

/** A constraint that cannot be honoured: nothing is generated rather than something else than was asked for. */
export const unsupportedGrammar = (
  option: string,
  keyword: string,
  why: string,
  at?: string,
): LonghandError =>
  new LonghandError(
    'unsupported/constraint',
    `The option ${option} cannot be honoured: ${why}${at === undefined ? '' : `, at ${at}`}. Nothing was generated. ` +
      'Leave it out, or ask for something simpler and check the answer yourself.',
    { option, keyword, ...(at !== undefined && { at }) },
  );
