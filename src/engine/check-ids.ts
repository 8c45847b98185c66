import { LonghandError } from '../errors.js';

/** Refuses with `input/type` what is no token of a vocabulary of `vocab`. */
export const checkIds = (ids: readonly number[], vocab: number): void => {
  const wrong = ids.find((id) => !Number.isInteger(id) || id < 0 || id >= vocab);
  if (wrong === undefined) return;
  throw new LonghandError(
    'input/type',
    `${wrong} is not a token of this model. Ids are whole numbers below ${vocab}.`,
  );
};
