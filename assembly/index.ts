// The ABI: every export of this file is a flat function over addresses. Kernels never allocate and never throw.
export * from './probe';
export * from './segment';
export * from './summarize';
export * from './score-chunks';
export * from './score-tokens';
export * from './select';
export * from './embed';
export * from './rms-norm';
export * from './matmul';
export * from './panels';
export * from './pack';
export * from './rope';
export * from './gate';
export * from './add';
export * from './append-kv';
export * from './attend';
export * from './mix';
