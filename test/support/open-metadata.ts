import { readFileSync } from 'node:fs';
import type { Metadata } from '../../src/weights/gguf.js';
import { openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';

/** The metadata of a GGUF file of this repository. */
export const openMetadata = async (path: string): Promise<Metadata> => {
  const bytes = readFileSync(new URL(`../../${path}`, import.meta.url));
  const { metadata, close } = await openGguf(openSource(new Uint8Array(bytes)));
  await close();
  return metadata;
};
