import type { Overrides } from './pipelines.js';

/** Threads in a workgroup of every kernel that has one thread for each element. */
export const GROUP = 64;

/** Threads that rotate a vector, where one workgroup has one: most are as wide as 64, two channels a thread. */
export const ROTATES: Overrides = { LANES: 32 };

/** Threads that choose from so many scores: a barrier among a few costs little, and many walk less each. */
export const choosing = (scores: number): Overrides => ({ THREADS: scores <= 256 ? 32 : 256 });

/** More groups fill no machine better; the threads of such kernels go on with every so-many-th element. */
const MOST = 16384;

/** Groups for so many elements. */
export const gridOf = (elements: number): [number] => [Math.min(MOST, Math.ceil(elements / GROUP))];
