import { random } from '../support/random.js';
import type { Plan, Rehearsal } from './cycle.js';
import type { Kill } from './killable-browser.js';

/** Every other pair of plans has memory for about half of the text. */
const memoryOf = (n: number) => ((n >> 1) % 2 === 1 ? { memory: 600_000 } : {});

const KILLS: readonly Kill[] = ['browser', 'renderer', 'worker'];

/** Kills at random moments: `seed` says what is killed, in which step, and how far into it. */
export const randomPlan = (seed: number, store: Plan['store'], { steps }: Rehearsal): Plan => {
  const { below, next } = random(7919 * (seed + 1));
  // Closing does nothing that could be disturbed.
  const names = [...steps.keys()].filter((name) => name !== 'close');
  const step = names[below(names.length)]!;
  return {
    name: `seed ${seed}`,
    store,
    kill: KILLS[seed % KILLS.length]!,
    moment: { step, after: Math.round(1.1 * next() * steps.get(step)!) },
    ...memoryOf(seed),
  };
};

/** At every fault point, its first, a middle and its last time; what is killed goes round. */
export const pointPlans = (store: Plan['store'], { points }: Rehearsal): Plan[] =>
  [...points].sort().flatMap(([point, times], n) =>
    [...new Set([1, Math.ceil(times / 2), times])].map((nth, i) => ({
      name: `${point}, ${nth}`,
      store,
      kill: KILLS[(n + i) % KILLS.length]!,
      moment: { point, nth },
      ...memoryOf(n + i),
    })),
  );
