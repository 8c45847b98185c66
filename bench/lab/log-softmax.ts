/** ln of the probabilities that a row of logits stands for. */
export const logSoftmax = (logits: Float32Array): Float64Array => {
  let most = Number.NEGATIVE_INFINITY;
  for (const x of logits) most = Math.max(most, x);
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - most);
  const log = most + Math.log(sum);
  return Float64Array.from(logits, (x) => x - log);
};
