/** Sections and import kinds of a WebAssembly binary (WebAssembly Core Specification 2.0, §5.5). */
const IMPORTS = 2;
const MEMORY = 2;
const SHARED = 0b10;
const HAS_MAXIMUM = 0b01;

/** An unsigned LEB128 number at `at`, and where the next thing begins. */
const number = (bytes: Uint8Array, at: number): [value: number, next: number] => {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128 || at >= bytes.length) return [value, at];
  }
};

/** Where the limits of the first import begin, if it is a memory; our kernels import it first. */
const limitsOf = (bytes: Uint8Array): number | undefined => {
  let at = 8;
  while (at < bytes.length) {
    const section = bytes[at]!;
    const [size, content] = number(bytes, at + 1);
    at = content + size;
    if (section !== IMPORTS) continue;
    let [count, next] = number(bytes, content);
    for (; count > 0; count--) {
      for (let name = 0; name < 2; name++) {
        const [length, text] = number(bytes, next);
        next = text + length;
      }
      if (bytes[next] === MEMORY) return next + 1;
      // A function: its kind, then its type. The kernels import nothing else.
      [, next] = number(bytes, next + 1);
    }
  }
  return undefined;
};

/**
 * The same kernels for a memory that threads share. No kernel knows of threads, so the builds differ in one bit: the
 * flag of the imported memory's limits. `undefined` where the file does not declare a maximum, as a shared one must.
 */
export const sharedImport = (file: Uint8Array): Uint8Array<ArrayBuffer> | undefined => {
  const bytes = Uint8Array.from(file);
  const at = limitsOf(bytes);
  if (at === undefined || (bytes[at]! & HAS_MAXIMUM) === 0) return undefined;
  bytes[at] = bytes[at]! | SHARED;
  return bytes;
};
