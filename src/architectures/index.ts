import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import type { Architecture } from './architecture.js';
import { llama } from './llama.js';
import { qwen3 } from './qwen3.js';

/** Every architecture Longhand computes. */
export const architectures: readonly Architecture[] = [llama, qwen3];

/** The architecture a file names; throws `unsupported/architecture` for one that is not in the table. */
export const architectureOf = (metadata: Metadata): Architecture => {
  const name = metadata.string('general.architecture');
  const found = architectures.find((architecture) => architecture.name === name);
  if (found) return found;
  const known = architectures.map((architecture) => architecture.name).join(', ');
  throw new LonghandError(
    'unsupported/architecture',
    `The model is of architecture "${name}", which Longhand does not compute. It computes: ${known}.`,
    { architecture: name, known },
  );
};
