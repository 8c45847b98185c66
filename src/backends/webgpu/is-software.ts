/** Adapters that compute on the CPU: as browsers say it, or by what they call themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe|basic render|software/i;

export const wordsOf = ({ vendor, architecture, device, description }: GPUAdapterInfo): string =>
  [vendor, architecture, device, description].filter(Boolean).join(' ');

/** Whether an adapter is no GPU. */
export const isSoftware = (info: GPUAdapterInfo): boolean =>
  info.isFallbackAdapter || SOFTWARE.test(wordsOf(info));
