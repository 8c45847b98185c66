/** Where the build put the kernels: sources that run without being bundled do not find them beside themselves. */
export const kernelsUrl = new URL('../../dist/', import.meta.url).href;
