/**
 * The kernels and what they bind, in order: `w` is written (and perhaps read), `m` is read but may be written by others
 * (activations: declared read_write, because one buffer must not be bound in both ways), `r` is read only (weights,
 * lists). Every kernel has its parameters at group 0, binding 0.
 */
export const kernels = {
  add: 'wm',
  'append-kv': 'wmmr',
  embed: 'wrr',
  extend: 'wm',
  gate: 'wm',
  matmul: 'wmrr',
  'matmul-floats': 'wmrr',
  pack: 'wr',
  panels: 'wm',
  parts: 'wmr',
  'rms-norm': 'wmr',
  rope: 'wm',
  select: 'wmr',
  softcap: 'w',
} as const;

export type KernelName = keyof typeof kernels;
