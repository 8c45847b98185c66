import { runKey, runKeys, runOf } from '../../src/kv/session-keys.js';
import { headKey, pagesKey, segmentOf } from '../../src/kv/stored-run.js';
import type { Commit } from './fault-points.js';
import { DISK } from './sessions.js';
import type { Answers, Checked, OtherAnswer } from './visitor.js';

/** What is known about undisturbed visits. */
export interface Truth {
  readonly answers: readonly Answers[];
  /** Of sessions with texts of their own. */
  readonly others: readonly OtherAnswer[];
  /** Digests of shared records, by key. */
  readonly digests: ReadonlyMap<string, string>;
  /** Keys of the heads of the book, in order. */
  readonly heads: readonly string[];
  /** Records of pages that a run has. */
  readonly groups: number;
}

/** What is wrong with what was found after a kill. */
export const complaintsAbout = (
  found: Checked,
  truth: Truth,
  asked: ReadonlyMap<number, Commit>,
  committed: ReadonlySet<number>,
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
  const named = new Set(found.named.map(({ run }) => run));
  /** Asked to be deleted, seen to be done or not. */
  const gone = new Set([...asked.values()].flatMap((commit) => commit.delete));
  const ours = new Set(truth.heads.map(segmentOf));
  for (const key of gone) {
    if (/^(head|pages)\//.test(key) && ours.has(segmentOf(key))) wrong.push(`${key} was evicted in use`);
  }
  for (const [key, digest] of expected) {
    if (key.startsWith('session/') && digest !== undefined && !(key in stored))
      wrong.push(`${key} was committed and is not there`);
    // Records without a head are cleared away when the model is opened.
    const isLost = key.startsWith('pages/') && !(headKey(segmentOf(key)) in stored);
    const mayBeCleared = isLost && expected.get(headKey(segmentOf(key))) === undefined;
    if (/^(head|pages)\//.test(key) && stored[key] !== digest && !(mayBeCleared && !(key in stored)))
      wrong.push(`${key} was committed and is ${stored[key] ?? 'not there'}`);
    if (key.startsWith('tail/') && digest !== undefined && named.has(runOf(key)) && stored[key] !== digest)
      wrong.push(`${key} is named and is ${stored[key] ?? 'not there'}`);
  }
  for (const { session, run } of found.named) {
    // The book is open all the time; what others named may have been evicted.
    for (const key of [runKey(run), ...runKeys(run, truth.groups)]) {
      if (key in stored || (session !== 'book' && gone.has(key))) continue;
      wrong.push(`${key} is named and is not there`);
    }
  }
  // What is there is right, and all of it is: a head says that its records are.
  for (const [key, digest] of Object.entries(stored)) {
    const right = truth.digests.get(key);
    if (digest === 'unreadable' || (right !== undefined && digest !== right))
      wrong.push(`${key} is not what it should be`);
    const isTail = key.startsWith('tail/') && key.endsWith('/head');
    if (!key.startsWith('head/') && !isTail) continue;
    for (let group = 0; group < truth.groups; group++) {
      const record = isTail ? runKey(runOf(key), group) : pagesKey(segmentOf(key), group);
      if (!(record in stored)) wrong.push(`${key} is there without ${record}`);
    }
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
  if (found.cacheBytes > DISK) wrong.push(`${found.cacheBytes} bytes are stored of ${DISK}`);
  // And the answers are those of an undisturbed session.
  const right = truth.answers.find(({ tokens }) => tokens === found.tokens);
  if (!right) wrong.push(`the session has ${found.tokens} tokens, as it never had`);
  else if (found.fresh !== right.fresh) wrong.push(`it answers '${found.fresh}', not '${right.fresh}'`);
  else if (found.recomputedTokens === 0 && found.continued !== right.continued)
    wrong.push(`it goes on with '${found.continued}', not '${right.continued}'`);
  for (const { id, tokens, fresh, resumedTokens, reusedTokens, recomputedTokens } of found.others) {
    const said = truth.others.find((one) => one.id === id && one.tokens === tokens)?.fresh;
    if (fresh !== said) wrong.push(`${id} answers '${fresh}', not '${said}'`);
    if (recomputedTokens < resumedTokens - reusedTokens)
      wrong.push(
        `${id} has ${recomputedTokens} of ${resumedTokens - reusedTokens} tokens reported as read again`,
      );
  }
  return wrong;
};
