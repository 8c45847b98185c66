import type { Codec } from '../codecs/codec.js';
import { codecSizes } from '../codecs/sizes.js';
import type { ModelConfig } from './config.js';
import { wholeLayers } from './state.js';

/**
 * Bytes of a page, which is 64 tokens, by codec: what `stats().bytes.pages` counts, before anything is read. Layers that slide
 * come on top: they keep little more than their windows, always in `f16`.
 */
export interface PageSizes {
  /** Of the keys in all layers that read everything. */
  readonly keys: Readonly<Record<'f16' | 'q8' | 'q4', number>>;
  /** Of the values in all layers that read everything. */
  readonly values: Readonly<Record<'f16' | 'q8' | 'q4' | 'q2', number>>;
  /** Channels of a key as it is kept (`kv.keyChannels`). */
  readonly keyChannels: number;
  /** Channels of a value as it is kept (`kv.valueChannels`). */
  readonly valueChannels: number;
  /** `kv.keyChannels` and `kv.valueChannels` that the model was loaded with: nothing, where all are kept. */
  readonly narrowed: { readonly keyChannels?: number; readonly valueChannels?: number };
  /** KV heads of a layer, each of which may keep other tokens. */
  readonly heads: number;
}

/** Channels of keys and values that are kept, where that is not all of them. */
export interface KeptChannels {
  readonly keyChannels?: number | undefined;
  readonly valueChannels?: number | undefined;
}

/** What pages of a model take that was loaded with `kept`. */
export const pageSizesOf = (config: ModelConfig, kept: KeptChannels): PageSizes => {
  const { kvHeads, headDim, valueDim, narrowedKeys } = config;
  const layers = wholeLayers(config).length;
  const keyChannels = layers > 0 ? (narrowedKeys?.channels ?? headDim) : headDim;
  const whole = layers * kvHeads;
  const of = (name: Codec['name'], dim: number): number => whole * codecSizes[name].bytes(dim);
  const each = (dim: number): PageSizes['keys'] => ({
    f16: of('f16', dim),
    q8: of('q8', dim),
    q4: of('q4', dim),
  });
  return {
    keys: each(keyChannels),
    values: { ...each(valueDim), q2: of('q2', valueDim) },
    keyChannels,
    valueChannels: valueDim,
    narrowed: {
      ...(kept.keyChannels !== undefined && { keyChannels: kept.keyChannels }),
      ...(kept.valueChannels !== undefined && { valueChannels: kept.valueChannels }),
    },
    heads: kvHeads,
  };
};
