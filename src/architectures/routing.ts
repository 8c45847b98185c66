import { MOST_ROUTED } from '../backends/backend.js';
import { LonghandError } from '../errors.js';
import type { GgufModel } from '../weights/gguf-reader.js';
import { type Architecture, matrix } from './architecture.js';

/**
 * An architecture whose rows use some of their heads: MoH (arXiv 2410.11842 §3), where the file says how many. The first
 * `attention.head_shared_count` heads (default 0) are always used, and of the others those `attention.head_used_count` that a
 * router scores highest, `blk.<n>.attn_router.weight`: a row for each head, then, where heads are shared, one for all shared heads and one for
 * all others. Without routers, as in models that were tuned to it afterwards (§4.4 there), heads with the longest queries
 * are used, as they are. Keys and values are made for all heads; layers with a state have none to route.
 */
export const withRouting = (
  architecture: Architecture,
  { metadata, tensors, label }: GgufModel,
): Architecture => {
  const [usedKey, sharedKey] = ['used', 'shared'].map(
    (kind) => `${architecture.name}.attention.head_${kind}_count`,
  );
  const isRouter = (name: string): boolean => name.endsWith('.attn_router.weight');
  const routed = [...tensors.keys()].some(isRouter);
  if (!routed && !metadata.has(usedKey!)) return architecture;
  const [used, shared] = [metadata.number(usedKey!), metadata.number(sharedKey!, 0)];
  return {
    ...architecture,
    config: (read) => {
      const config = architecture.config(read);
      const { heads } = config;
      const fits = Number.isInteger(used) && Number.isInteger(shared) && used >= 1 && shared >= 0;
      if (!fits || shared + used > heads || heads > MOST_ROUTED) {
        const message = `${label} uses ${used} heads beside ${shared} shared ones; it has ${heads} (at most ${MOST_ROUTED} are routed). Use another model.`;
        throw new LonghandError('unsupported/architecture', message, { used, shared, heads });
      }
      return { ...config, routing: { shared, used } };
    },
    layer: (config, l) => ({
      ...architecture.layer(config, l),
      ...(routed &&
        !config.attention[l]!.recurs && {
          router: matrix(`blk.${l}.attn_router.weight`, config.heads + (shared > 0 ? 2 : 0), config.dim),
        }),
    }),
  };
};
