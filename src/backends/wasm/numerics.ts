/**
 * Version of what the kernels compute, for both builds. Pages that were stored under another number are not used again:
 * they would not be bit-equal to those computed now. Raise it with every change, however small, of what a kernel writes
 * for the same input (rounding, order of sums, what is chosen to be read); page formats have versions of their own.
 *
 * 2: integer weights for values in q8, choosing by sketches.
 * 3: activations quantised by a product; gates by exp2.
 * 4: sketches are weighed as integers; their stored bytes.
 * 5: weights of attention are summed quad by quad.
 * 6: rows that ask for themselves choose sub-blocks of 16 keys.
 * 7: weights for values in q4 and q2 are codes, group by group.
 */
export const NUMERICS = 7;
