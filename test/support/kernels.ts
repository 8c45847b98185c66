/** Where the build put the kernels: sources that run without being bundled do not find them beside themselves. */
export const kernelsUrl = new URL('../../dist/', import.meta.url).href;
/** The script of a thread, as it was built. */
export const threadUrl = new URL('../../dist/thread.js', import.meta.url).href;
