import type { Page } from 'playwright';
import { runKey, runOf, sessionKey } from '../../src/kv/session-keys.js';
import type { Commit } from './fault-points.js';
import { type Kill, type KillableBrowser, startBrowser } from './killable-browser.js';
import { DELETED } from './sessions.js';
import type { Stage } from './stage.js';
import type { Answers, Checked, Report, Task } from './visitor.js';

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

/** What is known about undisturbed visits. */
export interface Truth {
  readonly answers: readonly Answers[];
  /** Digests of shared records, by key. */
  readonly digests: ReadonlyMap<string, string>;
  /** Keys of the heads of the text, in order. */
  readonly heads: readonly string[];
}

export interface Outcome {
  readonly plan: Plan;
  readonly complaints: readonly string[];
  /** The visit ended before its moment came. */
  readonly late: boolean;
  readonly resumedTokens: number;
  readonly reusedTokens: number;
  readonly recomputedTokens: number;
  readonly seconds: number;
}

const LIMIT_MS = 170_000;

/** Runs a task in a new worker of the page; `onReport` ends it by returning true. Resolves to why it failed, if it did. */
const run = (page: Page, task: Task, onReport: (report: Report) => unknown): Promise<string | undefined> =>
  new Promise((resolve) => {
    const end = (why?: string): void => {
      clearTimeout(limit);
      resolve(why);
    };
    const limit = setTimeout(() => end(`it took longer than ${LIMIT_MS / 1000} s`), LIMIT_MS);
    listeners.set(page, (report) => {
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

  async kill(what: Kill): Promise<void> {
    if (what === 'worker') await this.#page?.evaluate('worker.terminate()');
    if (what === 'renderer') {
      await this.#browser?.killRenderers();
      this.#page = undefined;
    }
    if (what === 'browser') {
      await this.#browser?.killBrowser();
      this.#browser = this.#page = undefined;
    }
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
    await succeed(page, { kind, store, database: `rehearsal ${store}` }, (report) => {
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
  let answers: readonly Answers[] = [];
  await succeed(await theatre.page(), { kind: 'truth', store: 'idb', database: 'truth' }, (report) => {
    if ('truth' in report) answers = report.truth;
    if (!('asked' in report)) return;
    for (const [key, digest] of report.commit.put) {
      if (key.startsWith('head/')) heads.push(key);
      if (key.startsWith('head/') || key.startsWith('pages/')) digests.set(key, digest);
    }
  });
  return { answers, digests, heads };
};

/** What is wrong with what was found after a kill. */
export const complaintsAbout = (
  found: Checked,
  truth: Truth,
  asked: ReadonlyMap<number, Commit>,
  committed: ReadonlySet<number>,
  /** The visit had begun to delete sessions: reports of that may have died with it. */
  deleting: boolean,
): string[] => {
  const wrong: string[] = [];
  const { stored } = found;
  // What was committed is there.
  const expected = new Map<string, string | undefined>();
  for (const [call, { put, delete: deleted }] of [...asked].sort(([a], [b]) => a - b)) {
    // What was asked for and not confirmed may be there or not: nothing is said about its keys.
    const isSure = committed.has(call);
    for (const key of deleted) isSure ? expected.set(key, undefined) : expected.delete(key);
    for (const [key, digest] of put) isSure ? expected.set(key, digest) : expected.delete(key);
  }
  const named = new Set(found.named);
  for (const [key, digest] of expected) {
    const mayBeGone = deleting && DELETED.some((id) => key === sessionKey(id));
    if (key.startsWith('session/') && !mayBeGone && digest !== undefined && !(key in stored))
      wrong.push(`${key} was committed and is not there`);
    if (/^(head|pages)\//.test(key) && stored[key] !== digest)
      wrong.push(`${key} was committed and is ${stored[key] ?? 'not there'}`);
    if (key.startsWith('tail/') && digest !== undefined && named.has(runOf(key)) && stored[key] !== digest)
      wrong.push(`${key} is named and is ${stored[key] ?? 'not there'}`);
  }
  for (const run of found.named) {
    for (const key of [runKey(run), runKey(run, 0)])
      if (!(key in stored)) wrong.push(`${key} is named and is not there`);
  }
  // What is there is right, and all of it is: a head says that its records are.
  for (const [key, digest] of Object.entries(stored)) {
    const right = truth.digests.get(key);
    if (digest === 'unreadable' || (right !== undefined && digest !== right))
      wrong.push(`${key} is not what it should be`);
    if (!key.startsWith('head/')) continue;
    const pages = [...truth.digests.keys()].filter((one) => one.startsWith(key.replace('head/', 'pages/')));
    for (const one of pages) if (!(one in stored)) wrong.push(`${key} is there without ${one}`);
  }
  // What can be used is used, and what cannot is reported.
  const whole = truth.heads.findIndex((key) => !(key in stored));
  const prefix = 256 * (whole < 0 ? truth.heads.length : whole);
  if (found.reusedTokens < prefix)
    wrong.push(`${prefix} tokens were intact and ${found.reusedTokens} were reused`);
  const again = found.resumedTokens - found.reusedTokens;
  if (found.recomputedTokens < again)
    wrong.push(`${again} tokens were read again and ${found.recomputedTokens} were reported`);
  if (found.storage !== 'ok') wrong.push(`the storage is ${found.storage}`);
  for (const file of found.lostFiles) wrong.push(`file: ${file}`);
  for (const key of found.orphans) wrong.push(`${key} is an orphan`);
  // And the answers are those of an undisturbed session.
  const right = truth.answers.find(({ tokens }) => tokens === found.tokens);
  if (!right) wrong.push(`the session has ${found.tokens} tokens, as it never had`);
  else if (found.fresh !== right.fresh) wrong.push(`it answers '${found.fresh}', not '${right.fresh}'`);
  else if (found.recomputedTokens === 0 && found.continued !== right.continued)
    wrong.push(`it goes on with '${found.continued}', not '${right.continued}'`);
  return wrong;
};

/** One visit, killed at its moment, and the check after it. */
export const runCycle = async (theatre: Theatre, truth: Truth, plan: Plan): Promise<Outcome> => {
  const start = performance.now();
  const { moment, store, kill } = plan;
  const database = `${plan.name} ${store} ${Date.now()}`;
  const asked = new Map<number, Commit>();
  const committed = new Set<number>();
  const complaints: string[] = [];
  let late = false;
  let deleting = false;
  const memory = plan.memory === undefined ? {} : { memory: plan.memory };
  const stop = 'point' in moment ? { stop: moment } : {};
  const failure = await run(
    await theatre.page(),
    { kind: 'visit', store, database, ...memory, ...stop },
    (report) => {
      if ('asked' in report) asked.set(report.asked, report.commit);
      if ('committed' in report) committed.add(report.committed);
      if ('done' in report) late = true;
      if ('step' in report && report.step === 'delete') deleting = true;
      return 'reached' in report || ('step' in moment && 'step' in report && report.step === moment.step);
    },
  );
  if (failure !== undefined) complaints.push(`the visit failed: ${failure}`);
  if ('step' in moment && !late) await new Promise((resolve) => setTimeout(resolve, moment.after));
  await theatre.kill(kill);

  let found: Checked | undefined;
  const fault = await run(await theatre.page(), { kind: 'check', store, database, ...memory }, (report) => {
    if ('checked' in report) found = report.checked;
  });
  if (fault !== undefined) complaints.push(`the check failed: ${fault}`);
  if (found) complaints.push(...complaintsAbout(found, truth, asked, committed, deleting));
  return {
    plan,
    complaints,
    late,
    resumedTokens: found?.resumedTokens ?? 0,
    reusedTokens: found?.reusedTokens ?? 0,
    recomputedTokens: found?.recomputedTokens ?? 0,
    seconds: (performance.now() - start) / 1000,
  };
};
