/**
 * `npm run test:crash`: kills visits at 200 random moments and at every fault point, on both stores, and checks what the
 * next visit finds. Results are kept, so that a run goes on where the last one stopped.
 * `-- --seeds 20 --store opfs --fresh`, `-- --only "seed 17$"`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { learnTruth, type Outcome, type Plan, rehearse, runCycle, Theatre } from './cycle.js';
import { pointPlans, randomPlan } from './plans.js';
import { openStage } from './stage.js';

const { values: given } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    store: { type: 'string', default: 'idb,opfs' },
    only: { type: 'string' },
    fresh: { type: 'boolean', default: false },
  },
});
const FOLDER = 'build/crash';
const RESULTS = `${FOLDER}/results.json`;
mkdirSync(FOLDER, { recursive: true });
const stage = await openStage();

type Results = { version: string; outcomes: Record<string, Outcome> };
const earlier = (): Results => {
  const fresh = { version: stage.version, outcomes: {} };
  if (given.fresh) return fresh;
  try {
    const found: Results = JSON.parse(readFileSync(RESULTS, 'utf8'));
    return found.version === stage.version ? found : fresh;
  } catch {
    return fresh;
  }
};
const results = earlier();
rmSync(`${FOLDER}/profile`, { recursive: true, force: true });
const theatre = new Theatre(stage, `${FOLDER}/profile`);
const keyOf = ({ store, name }: Plan): string => `${store}: ${name}`;
const describe = ({ plan, late, complaints, reusedTokens, recomputedTokens, seconds }: Outcome): string => {
  const { moment, kill } = plan;
  const when = 'point' in moment ? `at '${moment.point}'` : `${moment.after} ms into '${moment.step}'`;
  const verdict = complaints.length === 0 ? 'ok' : `WRONG: ${complaints.join('; ')}`;
  return `${keyOf(plan)}: ${kill} killed ${when}${late ? ' (had ended)' : ''}, ${reusedTokens} tokens reused, ${recomputedTokens} again, ${seconds.toFixed(1)} s: ${verdict}`;
};

let failed = 0;
let passed = 0;
try {
  const truth = await learnTruth(theatre);
  for (const store of given.store.split(',') as Plan['store'][]) {
    const rehearsal = await rehearse(theatre, store);
    const seeds = Array.from({ length: Number(given.seeds) }, (_, seed) =>
      randomPlan(seed, store, rehearsal),
    );
    const plans = [...pointPlans(store, rehearsal), ...seeds];
    for (const [n, plan] of plans.entries()) {
      if (given.only !== undefined && !new RegExp(given.only).test(plan.name)) continue;
      const known = results.outcomes[keyOf(plan)];
      const outcome =
        known?.complaints.length === 0 && given.only === undefined
          ? known
          : await runCycle(theatre, truth, plan);
      if (outcome !== known) console.log(`${n + 1}/${plans.length} ${describe(outcome)}`);
      results.outcomes[keyOf(plan)] = outcome;
      writeFileSync(RESULTS, JSON.stringify(results, null, 1));
      outcome.complaints.length === 0 ? passed++ : failed++;
    }
  }
} finally {
  await theatre.close();
  await stage.close();
}
const outcomes = Object.values(results.outcomes);
const late = outcomes.filter((one) => one.late).length;
const evicting = outcomes.filter((one) => one.evictedRuns > 0);
const runs = evicting.reduce((sum, { evictedRuns }) => sum + evictedRuns, 0);
const again = outcomes.reduce((sum, { othersAgain }) => sum + othersAgain, 0);
console.log(
  `${evicting.length} visits had evicted ${runs} runs; their sessions and others read ${again} tokens again after a kill.`,
);
console.log(`${passed} passed, ${failed} failed; ${late} visits had ended before their moment.`);
process.exitCode = failed === 0 ? 0 : 1;
