import { expect } from 'vitest';

/**
 * Every number is within `bound(i)` of the expected one; NaN and infinities are where they are expected. Names the
 * first that is not.
 */
export const expectWithin = (
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (i: number) => number,
  what = 'result',
): void => {
  expect(actual.length, what).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [found, wanted] = [actual[i]!, expected[i]!];
    if (found === wanted || (Number.isNaN(found) && Number.isNaN(wanted))) continue;
    if (!(Math.abs(found - wanted) <= bound(i))) {
      expect.fail(`${what}: element ${i} is ${found}, the reference has ${wanted} ± ${bound(i)}`);
    }
  }
};

/** The same 32 bits everywhere, NaN payloads aside. */
export const expectEqual = (actual: ArrayLike<number>, expected: ArrayLike<number>, what = 'result'): void =>
  expectWithin(actual, expected, () => 0, what);
