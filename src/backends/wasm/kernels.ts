/** The compiled AssemblyScript kernels: flat functions over addresses. `assembly/index.ts` is the ABI. */
export type Kernels = Readonly<Record<string, (...args: number[]) => number>>;
