import type { Backend, Plan, Tensor } from '../backends/backend.js';

/** What the row asked that made a plan, by plan. */
export interface Questions {
  /** The row of q (1, heads · keyDim) made `plan`. */
  remember(backend: Backend, plan: Plan, q: Tensor): void;
  /** The cosine of what the row asks and what the one asked that made `plan`; not a number where that is not known. */
  likeness(backend: Backend, plan: Plan, q: Tensor): number;
}

/** Kept on the CPU, where it is looked at (`Needs.host`). A plan belongs to a layer of a context, and so does what is kept. */
export const createQuestions = (): Questions => {
  const asked = new WeakMap<Plan, Float32Array>();
  return {
    remember(backend, plan, q) {
      asked.set(plan, backend.peek!(q).slice());
    },
    likeness(backend, plan, q) {
      const before = asked.get(plan);
      if (!before) return Number.NaN;
      let [dot, own, other] = [0, 0, 0];
      backend.peek!(q).forEach((x, c) => {
        dot += x * before[c]!;
        own += x * x;
        other += before[c]! ** 2;
      });
      return dot / Math.sqrt(own * other);
    },
  };
};
