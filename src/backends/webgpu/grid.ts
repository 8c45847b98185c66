/** Threads in a workgroup of every kernel that has one thread for each element. */
export const GROUP = 64;

/** More groups fill no machine better; the threads of such kernels go on with every so-many-th element. */
const MOST = 16384;

/** Groups for so many elements. */
export const gridOf = (elements: number): [number] => [Math.min(MOST, Math.ceil(elements / GROUP))];
