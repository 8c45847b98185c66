// The ABI: every export of this file is a flat function over addresses. Kernels never allocate and never throw.
export * from './probe';
export * from './segment';
export * from './summarize';
export * from './score-chunks';
export * from './score-tokens';
export * from './select';
