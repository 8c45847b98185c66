import { LonghandError } from '../errors.js';
import type { Metadata } from '../weights/gguf.js';
import type { Architecture } from './architecture.js';
import { gemma2 } from './gemma2.js';
import { gemma3 } from './gemma3.js';
import { graniteHybrid } from './granite-hybrid.js';
import { llama } from './llama.js';
import { phi3 } from './phi3.js';
import { qwen2 } from './qwen2.js';
import { qwen3 } from './qwen3.js';
import { smollm3 } from './smollm3.js';

/** Every architecture Longhand computes. */
export const architectures: readonly Architecture[] = [
  llama,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  smollm3,
  phi3,
  graniteHybrid,
];

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
