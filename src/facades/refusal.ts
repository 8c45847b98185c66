import { LonghandError } from '../index.js';

/** What is not done here is refused by the parameter that asks for it. */
export const refusal = (param: string, why: string): LonghandError =>
  new LonghandError('input/option', `The parameter ${param} cannot be honoured: ${why}`, { option: param });
