/** Numbers in [−1, 1), the same every time. */
export const noise = (count: number): Float32Array<ArrayBuffer> => {
  const values = new Float32Array(count);
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    values[i] = state / 2 ** 31;
  }
  return values;
};
