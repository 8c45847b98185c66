import { load } from '../../src/engine/index.js';
import type { KvOptions } from '../../src/engine/kv-options.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { divergenceOf } from '../../src/weights/key-divergence.js';
import { kernelsUrl } from '../support/kernels.js';

export const dense = { kernelsUrl, threads: 1, attention: { method: 'dense' } } as const;

/** Logits behind each of 12 tokens that follow the first 300 of a text, what its pages take, and the model. */
export const read = async (
  model: string | Uint8Array<ArrayBuffer>,
  ids: readonly number[] | string,
  kv: KvOptions,
  options: EngineOptions = {},
) => {
  const loaded = await load(model, { ...dense, ...options, kv: { ...kv, store: 'none' } });
  const context = await loaded.context();
  const tokens = typeof ids === 'string' ? await loaded.tokenize(ids) : ids;
  await context.append(tokens.slice(0, 300));
  const rows: Float32Array[] = [];
  for (const id of tokens.slice(300, 312)) {
    await context.append([id]);
    rows.push((await context.logits()).slice());
  }
  const { bytes } = await context.stats();
  const { info } = loaded;
  await loaded.close();
  return { rows, bytes: bytes.pages, info };
};

/** Mean divergence of next tokens, in nats. */
export const apart = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  a.reduce((sum, row, n) => sum + divergenceOf(row, b[n]!), 0) / a.length;
