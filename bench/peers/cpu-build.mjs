/** How `getLlama` finds the prebuilt CPU build, and nothing else: it neither compiles nor downloads. */
export const cpuBuild = (threads) => ({
  gpu: false,
  build: 'never',
  skipDownload: true,
  maxThreads: threads,
  logLevel: 'error',
});
