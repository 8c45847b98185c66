/** What `variants.js` brings: what few files have beside what is usual for their architecture. */
import type { GgufModel } from '../weights/gguf-reader.js';
import type { Architecture } from './architecture.js';
import { withPairs } from './pairs.js';
import { withRouting } from './routing.js';
import { withSharedHeads } from './shared-heads.js';

/** The architecture with what this file has beside it. Throws `unsupported/architecture` for what would not be computed. */
export const variantOf = (architecture: Architecture, model: GgufModel): Architecture =>
  withSharedHeads(withRouting(withPairs(architecture, model), model), model);
