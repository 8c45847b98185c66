import { LonghandError } from '../errors.js';
import { nodeModule } from '../node-module.js';

/** Bytes that a file of a predictor may have. */
const LIMIT = 256 << 20;

/**
 * A small file that an option names, and what errors call it: bytes, an address, or a path where there is no page. Rejects with
 * `input/option` for anything else and with `model/unreachable` where it cannot be had.
 */
export const readBytes = async (
  option: string,
  found: unknown,
): Promise<[Uint8Array<ArrayBuffer>, string]> => {
  if (found instanceof ArrayBuffer) return [new Uint8Array(found), option];
  if (ArrayBuffer.isView(found))
    return [new Uint8Array(found.buffer as ArrayBuffer, found.byteOffset, found.byteLength), option];
  if (typeof found !== 'string' || found === '') {
    throw new LonghandError(
      'input/option',
      `The option ${option} cannot be ${String(found)}. Use the address of a safetensors file, or its bytes.`,
      { option },
    );
  }
  const isPath = typeof globalThis.location === 'undefined' && !/^(https?|data|blob):/i.test(found);
  try {
    if (isPath) {
      const { readFile } = await nodeModule<typeof import('node:fs/promises')>('fs/promises');
      return [new Uint8Array(await readFile(/^file:/i.test(found) ? new URL(found) : found)), found];
    }
    const answer = await fetch(found);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}.`);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    if (bytes.length > LIMIT) throw new Error(`it has ${bytes.length} bytes.`);
    return [bytes, found];
  } catch (cause) {
    throw new LonghandError(
      'model/unreachable',
      `${found} (${option}) cannot be read: ${(cause as Error).message} Check the address.`,
      { source: found, option },
      { cause },
    );
  }
};
