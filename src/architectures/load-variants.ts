import { scriptMissing } from '../errors.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import type { Architecture } from './architecture.js';
import { architectureOf } from './index.js';

/** How a file says that it has more than its architecture: tensors of pairs or routers, counts of heads. */
const MORE = /_(a|router)\.weight$|head_used_count$|head_count_[kv]$/;

/**
 * The architecture of a file, with what this file has beside it. What few files have is a script of its own, `variants.js`,
 * beside the one that runs the engine, fetched where a file has it. (`build.mjs` turns this import into one by address:
 * bundlers then copy the script.) Rejects with `unsupported/architecture`.
 */
export const architectureIn = async (model: GgufModel): Promise<Architecture> => {
  const architecture = architectureOf(model.metadata);
  if (![...model.tensors.keys(), ...model.metadata.keys()].some((name) => MORE.test(name)))
    return architecture;
  const { variantOf } = await import('./variants.js').catch((cause) => {
    throw scriptMissing('unsupported/architecture', 'variants.js', '. Serve it there.', cause);
  });
  return variantOf(architecture, model);
};
