import type { Page } from 'playwright';
import { segmentOf } from '../../src/kv/stored-run.js';
import { complaintsAbout, type Truth } from './complaints.js';
import type { Commit } from './fault-points.js';
import { type Kill, type KillableBrowser, startBrowser } from './killable-browser.js';
import type { Stage } from './stage.js';
import type { Answers, Checked, OtherAnswer, Report, Task } from './visitor.js';

/** When a visit is killed: so many milliseconds into a step, or at a fault point. */
export type Moment =
  | { readonly step: string; readonly after: number }
  | { readonly point: string; readonly nth: number };

export interface Plan {
  readonly name: string;
  readonly store: 'idb' | 'opfs';
  readonly kill: Kill;
  readonly moment: Moment;
  /** See `Task`: pages then come and go, and answers are those of visits that had all of them. */
  readonly memory?: number;
}

export interface Outcome {
  readonly plan: Plan;
  readonly complaints: readonly string[];
  /** The visit ended before its moment came. */
  readonly late: boolean;
  readonly resumedTokens: number;
  readonly reusedTokens: number;
  readonly recomputedTokens: number;
  /** Runs that were evicted before the kill. */
  readonly evictedRuns: number;
  /** Tokens of other sessions that were read again. */
  readonly othersAgain: number;
  readonly seconds: number;
}

const isHead = (key: string): boolean => key.startsWith('head/');

/**
 * A task that hangs says nothing more; one that goes round in circles does not end. Neither is one that a busy machine keeps
 * waiting: with memory for half of the text a visit reads thousands of pages one by one.
 */
const SILENCE_MS = 300_000;
const LIMIT_MS = 1_800_000;
/** Reports that are told of a task that did not end. */
const LAST = 12;

/** Runs a task in a new worker of the page; `onReport` ends it by returning true. Resolves to why it failed, if it did. */
const run = (page: Page, task: Task, onReport: (report: Report) => unknown): Promise<string | undefined> =>
  new Promise((resolve) => {
    const last: string[] = [];
    let ended = false;
    const end = (why?: string): void => {
      clearTimeout(limit);
      clearTimeout(silence);
      ended = true;
      resolve(why);
    };
    const after = (milliseconds: number, what: string) =>
      setTimeout(() => end(`it ${what} ${milliseconds / 1000} s; at last: ${last.join(', ')}`), milliseconds);
    const limit = after(LIMIT_MS, 'took longer than');
    let silence = after(SILENCE_MS, 'was silent for');
    listeners.set(page, (report) => {
      clearTimeout(silence);
      // What is reported until the kill still counts.
      if (!ended) silence = after(SILENCE_MS, 'was silent for');
      last.push(JSON.stringify(report).slice(0, 120));
      if (last.length > LAST) last.shift();
      if ('failed' in report) end(report.failed);
      else if (onReport(report) === true || 'done' in report) end();
    });
    page
      .evaluate((given) => (globalThis as unknown as { begin(task: unknown): void }).begin(given), task)
      .catch((error) => end(String(error)));
  });
const succeed = async (...how: Parameters<typeof run>): Promise<void> => {
  const failure = await run(...how);
  if (failure !== undefined) throw new Error(`Undisturbed, ${how[1].kind} fails: ${failure}`);
};
const listeners = new WeakMap<Page, (report: Report) => void>();

/** A browser on a stage, and what tasks in it report. */
export class Theatre {
  readonly #stage: Stage;
  readonly #profile: string;
  #browser: KillableBrowser | undefined;
  #page: Page | undefined;

  constructor(stage: Stage, profile: string) {
    this.#stage = stage;
    this.#profile = profile;
  }

  async page(): Promise<Page> {
    this.#browser ??= await startBrowser(this.#profile);
    if (this.#page) return this.#page;
    const page = await this.#browser.page('about:blank');
    await page.exposeFunction('report', (report: Report) => listeners.get(page)?.(report));
    await page.goto(this.#stage.address);
    this.#page = page;
    return page;
  }

  /** Resolves to what kills, with nothing left to be asked at that moment. */
  async aim(what: Kill): Promise<() => Promise<void>> {
    const page = await this.page();
    const renderers = what === 'renderer' ? await this.#browser!.renderers() : [];
    return async () => {
      if (what === 'worker') return page.evaluate('worker.terminate()');
      this.#page = undefined;
      for (const id of renderers) {
        try {
          process.kill(id, 'SIGKILL');
        } catch {
          // A spare one that ended by itself.
        }
      }
      if (what === 'renderer') return;
      await this.#browser?.killBrowser();
      this.#browser = undefined;
    };
  }

  async close(): Promise<void> {
    await this.#browser?.close();
  }
}

/** The longest each step of a visit took, and how often it passed each fault point. */
export interface Rehearsal {
  readonly steps: ReadonlyMap<string, number>;
  readonly points: ReadonlyMap<string, number>;
}

export const rehearse = async (theatre: Theatre, store: Task['store']): Promise<Rehearsal> => {
  const steps = new Map<string, number>();
  const points = new Map<string, number>();
  let [step, since] = ['', 0];
  const page = await theatre.page();
  for (const kind of ['visit', 'check'] as const) {
    await succeed(page, { kind, store, database: `rehearsal ${store}`, tellsAll: true }, (report) => {
      if (kind === 'check') return;
      if ('passed' in report) points.set(report.passed, (points.get(report.passed) ?? 0) + 1);
      if (!('step' in report) && !('done' in report)) return;
      if (step) steps.set(step, performance.now() - since);
      step = 'step' in report ? report.step : '';
      since = performance.now();
    });
  }
  return { steps, points };
};

export const learnTruth = async (theatre: Theatre): Promise<Truth> => {
  const digests = new Map<string, string>();
  const heads: string[] = [];
  let answers: readonly Answers[] | undefined;
  let others: readonly OtherAnswer[] = [];
  await succeed(await theatre.page(), { kind: 'truth', store: 'idb', database: 'truth' }, (report) => {
    if ('truth' in report) answers = report.truth;
    if ('others' in report) others = report.others;
    if (!('asked' in report)) return;
    for (const [key, digest] of report.commit.put) {
      // The texts of others come after its answers.
      if (!answers && key.startsWith('head/')) heads.push(key);
      if (key.startsWith('head/') || key.startsWith('pages/')) digests.set(key, digest);
    }
  });
  const groups = [...digests.keys()].filter((key) => segmentOf(key) === segmentOf(heads[0]!)).length - 1;
  return { answers: answers ?? [], others, digests, heads, groups };
};

/** One visit, killed at its moment, and the check after it. */
export const runCycle = async (theatre: Theatre, truth: Truth, plan: Plan): Promise<Outcome> => {
  const start = performance.now();
  const { moment, store } = plan;
  const database = `${plan.name} ${store} ${Date.now()}`;
  const asked = new Map<number, Commit>();
  const committed = new Set<number>();
  const complaints: string[] = [];
  let late = false;
  const memory = plan.memory === undefined ? {} : { memory: plan.memory };
  const stop = 'point' in moment ? { stop: moment } : {};
  const kill = await theatre.aim(plan.kill);
  const failure = await run(
    await theatre.page(),
    { kind: 'visit', store, database, ...memory, ...stop },
    (report) => {
      if ('asked' in report) asked.set(report.asked, report.commit);
      if ('committed' in report) committed.add(report.committed);
      if ('done' in report) late = true;
      return 'reached' in report || ('step' in moment && 'step' in report && report.step === moment.step);
    },
  );
  if (failure !== undefined) complaints.push(`the visit failed: ${failure}`);
  if ('step' in moment && !late) await new Promise((resolve) => setTimeout(resolve, moment.after));
  await kill();

  let found: Checked | undefined;
  const fault = await run(await theatre.page(), { kind: 'check', store, database, ...memory }, (report) => {
    if ('checked' in report) found = report.checked;
  });
  if (fault !== undefined) complaints.push(`the check failed: ${fault}`);
  if (found) complaints.push(...complaintsAbout(found, truth, asked, committed));
  return {
    plan,
    complaints,
    late,
    resumedTokens: found?.resumedTokens ?? 0,
    reusedTokens: found?.reusedTokens ?? 0,
    recomputedTokens: found?.recomputedTokens ?? 0,
    evictedRuns: [...asked]
      .filter(([call]) => committed.has(call))
      .flatMap(([, one]) => one.delete.filter(isHead)).length,
    othersAgain: (found?.others ?? []).reduce((sum, { recomputedTokens }) => sum + recomputedTokens, 0),
    seconds: (performance.now() - start) / 1000,
  };
};
