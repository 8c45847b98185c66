import type { Overrides } from './pipelines.js';

/** Threads in a workgroup of every kernel that has one thread for each element. */
export const GROUP = 64;

/** Room for vectors of so many channels: the less memory a workgroup has, the more of them a machine runs at once. */
export const channels = (dim: number): Overrides => ({ CHANNELS: dim <= 256 ? 256 : 1024 });

/** And threads that rotate one, where a workgroup has one: most are as wide as 64, two channels a thread. */
export const rotates = (dim: number): Overrides => ({ LANES: 32, ...channels(dim) });

/** Threads that choose from so many scores: a barrier among a few costs little, and many walk less each. */
export const choosing = (scores: number): Overrides => ({ THREADS: scores <= 256 ? 32 : 256 });

/** More groups fill no machine better; the threads of such kernels go on with every so-many-th element. */
const MOST = 16384;

/** Groups for so many elements. */
export const gridOf = (elements: number): [number] => [Math.min(MOST, Math.ceil(elements / GROUP))];
