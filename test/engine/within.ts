import { createHash } from 'node:crypto';
import { PAGE } from '../../src/backends/backend.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import { Context } from '../../src/generate/context.js';
import { openArchive } from '../../src/kv/archive.js';
import { createBudget } from '../../src/kv/budget.js';
import { createPager } from '../../src/kv/pager.js';
import { fingerprintOf } from '../../src/kv/segments.js';
import type { Store } from '../../src/stores/index.js';

export const SEGMENT = 256;

/** Over a store of its own, within a budget, with an eye on what is held. */
export const within = async (model: OpenModel, store: Store, bytes: number) => {
  const { backend } = model.reader;
  const budget = createBudget(backend, bytes);
  const sample = new Context(model.reader);
  const { pageBytes } = sample;
  sample.close();
  const fingerprint = fingerprintOf(model.provenance);
  const options = { fingerprint, segmentTokens: SEGMENT, pageBytes, queueBytes: budget.inFlight };
  const archive = await openArchive(store, options);
  let peak = 0;
  const noting =
    <A extends unknown[]>(verb: (...args: A) => void) =>
    (...args: A): void => {
      verb(...args);
      peak = Math.max(peak, budget.used);
    };
  const watched = {
    ...backend,
    ...{ mapPages: noting(backend.mapPages), writePage: noting(backend.writePage) },
    ...{ segment: noting(backend.segment), summarize: noting(backend.summarize) },
  };
  const reader = { ...model.reader, backend: watched, budget };
  return {
    open: () => new Context(reader, createPager(archive, SEGMENT)),
    drained: archive.drained,
    inFlight: budget.inFlight,
    /** Bytes beyond the budget at the worst moment. */
    over: () => Math.max(0, peak - bytes),
    /** Bytes of all layers for so many tokens. */
    bytesOf: (tokens: number) => pageBytes.reduce((sum, one) => sum + one, 0) * Math.ceil(tokens / PAGE),
  };
};

/** Of logits. */
export const digest = (values: Float32Array): string =>
  createHash('sha256').update(new Uint8Array(values.slice().buffer)).digest('hex').slice(0, 16);
