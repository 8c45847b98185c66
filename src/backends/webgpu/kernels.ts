/**
 * The kernels and what they bind, in order: `w` is written (and perhaps read), `m` is read but may be written by others
 * (activations: declared read_write, because one buffer must not be bound in both ways), `r` is read only (weights,
 * lists). Every kernel has its parameters at group 0, binding 0.
 */
export const kernels = {
  add: 'wm',
  'add-mass': 'wmrr',
  'add-softmax': 'wmrr',
  'append-kv': 'wmmr',
  attend: 'wmmmrww',
  'attend-pairs': 'wwrm',
  contrast: 'wmr',
  embed: 'wrr',
  extend: 'wm',
  gate: 'wm',
  'key-sketch': 'wm',
  matmul: 'wmrr',
  'matmul-floats': 'wmrr',
  merge: 'wmww',
  'mean-query': 'wmr',
  pack: 'wr',
  panels: 'wm',
  parts: 'wmr',
  queries: 'wm',
  'read-chunks': 'wrrr',
  'rms-norm': 'wmr',
  rope: 'wm',
  'rotated-keys': 'wmr',
  'score-chunks': 'wmrrr',
  'score-sketches': 'wmrrr',
  'score-tokens': 'wmmmrrr',
  segment: 'wmr',
  select: 'wmr',
  'select-scored': 'wmrr',
  'sketch-query': 'wmr',
  softcap: 'w',
  summarize: 'wmrrr',
  'top-logits': 'wm',
  'write-boundaries': 'wr',
  'write-chunks': 'wrr',
} as const;

export type KernelName = keyof typeof kernels;
