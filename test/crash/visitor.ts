/** The worker of the crash tests: visits that are killed, and the checks that come after. */
import { createLocalEngine } from '../../src/engine/local.js';
import { digest, hex } from '../../src/kv/digest.js';
import { decodeManifest } from '../../src/kv/manifest.js';
import { linkedBy, runOf, sessionOf } from '../../src/kv/session-keys.js';
import { segmentOf } from '../../src/kv/stored-run.js';
import { loadOn, type Model } from '../../src/loaded-model.js';
import type { Session } from '../../src/session.js';
import { openStore as openPlainly } from '../../src/stores/index.js';
import { random } from '../support/random.js';
import { type Commit, watch, watchPlatform } from './fault-points.js';
import { filesOf, removeDatabase } from './opfs-folder.js';
import { DELETED, DISK, OTHERS } from './sessions.js';

export interface Task {
  readonly kind: 'truth' | 'visit' | 'check';
  readonly store: 'idb' | 'opfs';
  readonly database: string;
  /** Bytes that pages may take in memory. Default: as many as there are. */
  readonly memory?: number;
  /** Report every fault point that is passed, not one now and then. */
  readonly tellsAll?: boolean;
  /** Where to stop for ever. */
  readonly stop?: { readonly point: string; readonly nth: number };
}

/** What a session says after so much of its conversation was kept. */
export interface Answers {
  readonly tokens: number;
  /** To a question about the text alone. */
  readonly fresh: string;
  /** To one that goes on with the conversation. */
  readonly continued: string;
}

/** What a session with a text of its own says after so much of its conversation was kept. */
export interface OtherAnswer {
  readonly id: string;
  readonly tokens: number;
  readonly fresh: string;
}

export interface CheckedOther extends OtherAnswer {
  readonly resumedTokens: number;
  readonly reusedTokens: number;
  readonly recomputedTokens: number;
}

export interface NamedRun {
  readonly session: string;
  readonly run: string;
}

export interface Checked extends Answers {
  readonly resumedTokens: number;
  readonly reusedTokens: number;
  readonly recomputedTokens: number;
  readonly readTokens: number;
  readonly storage: string;
  /** Digest of everything that was stored when the model was opened, by key. */
  readonly stored: Readonly<Record<string, string>>;
  /** Private runs that the sessions' manifests named when the model was opened. */
  readonly named: readonly NamedRun[];
  readonly others: readonly CheckedOther[];
  /** Bytes of texts and private pages at the end, after something more was read under a budget. */
  readonly cacheBytes: number;
  /**
   * What is there of private runs and sessions that no manifest names, and pages without a head, when all sessions were
   * opened and closed.
   */
  readonly orphans: readonly string[];
  /** Files that no index names, and files that it names and are not there, when the model was opened. */
  readonly lostFiles: readonly string[];
  readonly milliseconds: number;
}

export type Report =
  | { readonly step: string }
  | { readonly passed: string }
  | { readonly reached: string }
  | { readonly asked: number; readonly commit: Commit }
  | { readonly committed: number }
  | { readonly failed: string }
  | { readonly truth: readonly Answers[] }
  | { readonly others: readonly OtherAnswer[] }
  | { readonly checked: Checked }
  | { readonly done: true };

const post = (report: Report): void => postMessage(report);
const step = (name: string): void => post({ step: name });

const words =
  'the lighthouse keeper stairs lamp sea winter storm old people nothing lost returns shore'.split(' ');
const passage = (seed: number, count: number): string => {
  const { below } = random(seed);
  return Array.from({ length: count }, () => words[below(words.length)]).join(' ');
};
const TEXT = passage(1, 520);
const OTHER = passage(2, 260);
const QUESTIONS = ['Where is the lamp?', 'Who keeps the sea?', 'What was lost?'] as const;
const short = { maxTokens: 6, temperature: 0, ignoreStops: true } as const;
const goOn = { ...short, continue: true } as const;

interface Room {
  readonly memory?: number | undefined;
  readonly disk?: number;
}

const open = (store: 'idb' | 'opfs' | 'memory', database: string, { memory, disk }: Room): Promise<Model> =>
  loadOn(createLocalEngine(), new URL('/model.gguf', location.href).href, {
    threads: 1,
    cache: false,
    kernelsUrl: new URL('/', location.href).href,
    attention: { method: 'dhsa', budget: 192 },
    kv: { store, database, ...(memory !== undefined && { memory }), ...(disk !== undefined && { disk }) },
  });

/** Held by a visit for its life. A worker that is terminated while it loops lives on for some seconds. */
const PRESENCE = 'visit';
const isPresent = (): Promise<void> =>
  new Promise((held) => {
    void navigator.locks.request(PRESENCE, () => {
      held();
      return new Promise(() => undefined);
    });
  });
const everyVisitEnded = (): Promise<void> => navigator.locks.request(PRESENCE, () => undefined);

const readOther = async (model: Model, id: string): Promise<void> => {
  const other = await model.session({ id });
  await other.append(`${id} ${OTHER}`);
  await other.ask(QUESTIONS[0], goOn).text();
  await other.close();
};

const visit = async ({ store, database, memory }: Task): Promise<void> => {
  await isPresent();
  step('open');
  const model = await open(store, database, { memory });
  step('prefill');
  const book = await model.session({ id: 'book' });
  await book.append(TEXT);
  step('commit');
  await book.ask(QUESTIONS[0], goOn).text();
  step('prefill of others');
  for (const id of OTHERS) await readOther(model, id);
  step('clone');
  for (const id of ['copy', 'copy of the copy']) {
    await model.cloneSession('book', { id, title: 'A copy' });
    const copy = await model.session({ id });
    await copy.ask(QUESTIONS[2], goOn).text();
    await copy.close();
    await model.renameSession(id, 'The same copy');
  }
  step('eviction');
  const tight = await open(store, database, { memory, disk: DISK });
  for (const id of ['four', 'one', 'five', 'two']) await readOther(tight, id);
  await tight.close();
  step('delete');
  for (const id of DELETED) await model.deleteSession(id);
  step('commit again');
  await book.ask(QUESTIONS[1], goOn).text();
  step('close');
  await book.close();
  await model.close();
};

const answersOf = async (session: Session): Promise<Answers> => {
  const { tokens } = await session.stats();
  const fresh = await session.ask(QUESTIONS[2], short).text();
  return { tokens, fresh, continued: await session.ask(QUESTIONS[2], goOn).text() };
};

/** What undisturbed sessions say that kept none, one or two turns; and, in its commits, what text is stored as. */
const truth = async (): Promise<void> => {
  const model = await open('memory', 'truth', {});
  const found: Answers[] = [];
  for (const turns of [0, 1, 2]) {
    const session = await model.session({ id: `${turns}` });
    await session.append(TEXT);
    for (const question of QUESTIONS.slice(0, turns)) await session.ask(question, goOn).text();
    found.push(await answersOf(session));
    await session.close();
  }
  post({ truth: found });
  const others: OtherAnswer[] = [];
  for (const id of OTHERS) {
    const session = await model.session({ id });
    await session.append(`${id} ${OTHER}`);
    for (let turn = 0; turn < 3; turn++) {
      const { tokens } = await session.stats();
      others.push({ id, tokens, fresh: await session.ask(QUESTIONS[2], short).text() });
      await session.ask(QUESTIONS[0], goOn).text();
    }
    await session.close();
  }
  post({ others });
  await model.close();
};

const otherOf = async (id: string, session: Session): Promise<CheckedOther> => {
  await session.append(`${id} ${OTHER}`);
  const fresh = await session.ask(QUESTIONS[2], short).text();
  const { tokens, reusedTokens, recomputedTokens } = await session.stats();
  return { id, tokens, fresh, resumedTokens: session.resumedTokens, reusedTokens, recomputedTokens };
};

const check = async ({ store, database, memory }: Task): Promise<void> => {
  await everyVisitEnded();
  const start = performance.now();
  // Without a budget: with one, what was used longest ago might go before it is looked at.
  const model = await open(store, database, { memory });
  const plain = await openPlainly(store, { database });
  const lostFiles = store === 'opfs' ? await filesOf(database) : [];
  const keys = await plain.list('');
  const values = await plain.getMany(keys);
  // What crashes left is being cleared away behind our back.
  const left = new Set(await plain.list(''));
  const stored = Object.fromEntries(
    keys
      .map((key, n) => [key, values[n] ? hex(digest(values[n])) : 'unreadable'] as const)
      .filter(([key]) => left.has(key)),
  );
  const namedBy = async (): Promise<NamedRun[]> => {
    const manifests = await plain.list('session/');
    const bytes = await plain.getMany(manifests);
    return manifests.flatMap((key, n) => {
      const session = sessionOf(key);
      return decodeManifest(session, bytes[n]!).tail.map(({ name: run }) => ({ session, run }));
    });
  };
  const named = await namedBy();
  const session = await model.session({ id: 'book' });
  await session.append(TEXT);
  const answers = await answersOf(session);
  const { reusedTokens, recomputedTokens, prefill, storage } = await session.stats();
  await session.close();
  const others: CheckedOther[] = [];
  for (const { id } of await model.sessions()) {
    const other = await model.session({ id });
    if ((OTHERS as readonly string[]).includes(id)) others.push(await otherOf(id, other));
    await other.close();
  }
  // Something more is read within a budget.
  const tight = await open(store, database, { memory, disk: DISK });
  await readOther(tight, 'after');
  await tight.close();
  const still = new Set((await namedBy()).map(({ run }) => run));
  const heads = new Set((await plain.list('head/')).map(segmentOf));
  const ids = new Set((await plain.list('session/')).map(sessionOf));
  const orphans = [
    ...(await plain.list('tail/')).filter((key) => !still.has(runOf(key))),
    ...(await plain.list('link/')).filter((key) => !ids.has(linkedBy(key))),
    ...(await plain.list('pages/')).filter((key) => !heads.has(segmentOf(key))),
    ...(await plain.list('listing/')).filter((key) => !ids.has(sessionOf(key))),
  ];
  await model.close();
  let cacheBytes = 0;
  for (const prefix of ['head/', 'pages/', 'tail/']) cacheBytes += await plain.size(prefix);
  await plain.close();
  await removeDatabase(store, database);
  post({
    checked: {
      ...answers,
      resumedTokens: session.resumedTokens,
      ...{ reusedTokens, recomputedTokens, readTokens: prefill.tokens, storage },
      ...{ stored, named, others, cacheBytes, orphans, lostFiles },
      milliseconds: Math.round(performance.now() - start),
    },
  });
};

/** By call: what goes on once a report of it has been heard. */
const unheard = new Map<number, () => void>();
/**
 * A report dies with the page that was to pass it on. What was put and never heard of is no loss; what was deleted would be
 * missed.
 */
const ask = (commit: Commit, asked: number): Promise<void> => {
  post({ asked, commit });
  return commit.delete.length === 0
    ? Promise.resolve()
    : new Promise((heard) => {
        unheard.set(asked, heard);
      });
};

/** Between two signs of life. */
const PAUSE_MS = 500;

addEventListener('message', async ({ data }: MessageEvent<Task | { readonly heard: number }>) => {
  if ('heard' in data) {
    unheard.get(data.heard)?.();
    unheard.delete(data.heard);
    return;
  }
  const task = data;
  const seen = new Map<string, number>();
  let told = -PAUSE_MS;
  watch({
    reaches(point) {
      const nth = (seen.get(point) ?? 0) + 1;
      seen.set(point, nth);
      const isIt = task.stop?.point === point && task.stop.nth === nth;
      if (isIt) post({ reached: point });
      else if (task.tellsAll || performance.now() > told + PAUSE_MS) {
        told = performance.now();
        post({ passed: point });
      }
      return isIt;
    },
    asks: ask,
    committed: (committed) => post({ committed }),
  });
  if (task.kind === 'visit') watchPlatform();
  try {
    await { truth, visit, check }[task.kind](task);
    post({ done: true });
  } catch (error) {
    const { name, code, message } = error as { name: string; code?: string; message: string };
    post({ failed: `${code ?? name}: ${message}` });
  }
});
