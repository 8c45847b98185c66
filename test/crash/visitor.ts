/** The worker of the crash tests: visits that are killed, and the checks that come after. */
import { createLocalEngine } from '../../src/engine/local.js';
import { digest, hex } from '../../src/kv/digest.js';
import { decodeManifest } from '../../src/kv/manifest.js';
import { linkedBy, runOf, sessionOf } from '../../src/kv/session-keys.js';
import { loadOn, type Model, type Session } from '../../src/session.js';
import { openStore as openPlainly } from '../../src/stores/index.js';
import { random } from '../support/random.js';
import { type Commit, watch, watchPlatform } from './fault-points.js';
import { filesOf, removeDatabase } from './opfs-folder.js';
import { DELETED } from './sessions.js';

export interface Task {
  readonly kind: 'truth' | 'visit' | 'check';
  readonly store: 'idb' | 'opfs';
  readonly database: string;
  /** Bytes that pages may take in memory. Default: as many as there are. */
  readonly memory?: number;
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

export interface Checked extends Answers {
  readonly resumedTokens: number;
  readonly reusedTokens: number;
  readonly recomputedTokens: number;
  readonly readTokens: number;
  readonly storage: string;
  /** Digest of everything that was stored when the model was opened, by key. */
  readonly stored: Readonly<Record<string, string>>;
  /** Private runs that the sessions' manifests named when the model was opened. */
  readonly named: readonly string[];
  /** What is there of private runs and sessions that no manifest names, when all sessions were opened and closed. */
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

const open = (store: 'idb' | 'opfs' | 'memory', database: string, memory?: number): Promise<Model> =>
  loadOn(createLocalEngine(), new URL('/model.gguf', location.href).href, {
    threads: 1,
    cache: false,
    kernelsUrl: new URL('/', location.href).href,
    attention: { method: 'dhsa', budget: 192 },
    kv: { store, database, ...(memory !== undefined && { memory }) },
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

const visit = async ({ store, database, memory }: Task): Promise<void> => {
  await isPresent();
  step('open');
  const model = await open(store, database, memory);
  step('prefill');
  const book = await model.session({ id: 'book' });
  await book.append(TEXT);
  step('commit');
  await book.ask(QUESTIONS[0], goOn).text();
  step('prefill of others');
  for (const id of ['one', 'two', 'three']) {
    const other = await model.session({ id });
    await other.append(`${id} ${OTHER}`);
    await other.ask(QUESTIONS[0], goOn).text();
    await other.close();
  }
  step('clone');
  for (const id of ['copy', 'copy of the copy']) {
    await model.cloneSession('book', { id, title: 'A copy' });
    const copy = await model.session({ id });
    await copy.ask(QUESTIONS[2], goOn).text();
    await copy.close();
    await model.renameSession(id, 'The same copy');
  }
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
  const model = await open('memory', 'truth');
  const found: Answers[] = [];
  for (const turns of [0, 1, 2]) {
    const session = await model.session({ id: `${turns}` });
    await session.append(TEXT);
    for (const question of QUESTIONS.slice(0, turns)) await session.ask(question, goOn).text();
    found.push(await answersOf(session));
    await session.close();
  }
  await model.close();
  post({ truth: found });
};

const check = async ({ store, database, memory }: Task): Promise<void> => {
  await everyVisitEnded();
  const start = performance.now();
  const model = await open(store, database, memory);
  const plain = await openPlainly(store, { database });
  const lostFiles = store === 'opfs' ? await filesOf(database) : [];
  const keys = await plain.list('');
  const values = await plain.getMany(keys);
  const stored = Object.fromEntries(
    keys.map((key, n) => [key, values[n] ? hex(digest(values[n])) : 'unreadable']),
  );
  const namedBy = async (): Promise<string[]> => {
    const manifests = await plain.list('session/');
    const bytes = await plain.getMany(manifests);
    return manifests.flatMap((key, n) =>
      decodeManifest(sessionOf(key), bytes[n]!).tail.map((run) => run.name),
    );
  };
  const named = await namedBy();
  const session = await model.session({ id: 'book' });
  await session.append(TEXT);
  const answers = await answersOf(session);
  const { reusedTokens, recomputedTokens, prefill, storage } = await session.stats();
  await session.close();
  for (const { id } of await model.sessions()) await (await model.session({ id })).close();
  const still = new Set(await namedBy());
  const ids = new Set((await plain.list('session/')).map(sessionOf));
  const orphans = [
    ...(await plain.list('tail/')).filter((key) => !still.has(runOf(key))),
    ...(await plain.list('link/')).filter((key) => !ids.has(linkedBy(key))),
    ...(await plain.list('listing/')).filter((key) => !ids.has(sessionOf(key))),
  ];
  await model.close();
  await plain.close();
  await removeDatabase(store, database);
  post({
    checked: {
      ...answers,
      resumedTokens: session.resumedTokens,
      ...{ reusedTokens, recomputedTokens, readTokens: prefill.tokens, storage },
      ...{ stored, named, orphans, lostFiles },
      milliseconds: Math.round(performance.now() - start),
    },
  });
};

addEventListener('message', async ({ data: task }: MessageEvent<Task>) => {
  const seen = new Map<string, number>();
  watch({
    reaches(point) {
      const nth = (seen.get(point) ?? 0) + 1;
      seen.set(point, nth);
      const isIt = task.stop?.point === point && task.stop.nth === nth;
      post(isIt ? { reached: point } : { passed: point });
      return isIt;
    },
    asks: (commit, asked) => post({ asked, commit }),
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
