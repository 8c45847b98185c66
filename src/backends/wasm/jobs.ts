import { LonghandError } from '../../errors.js';
import type { Kernels } from './kernels.js';
import { type ShareName, shareNames, shares } from './shares.js';

/**
 * Kernel calls that may run side by side: `items` numbers, each of which `share` turns into a call. Which thread takes
 * an item never matters to the result.
 */
export interface Part {
  readonly share: ShareName;
  readonly items: number;
  readonly args: readonly number[];
}

/** Runs parts. All of them belong to one job: none may read what another one writes. */
export interface Jobs {
  readonly threads: number;
  /** Into how many pieces work of about so many microseconds (of one thread) should be cut: 1 where sharing costs more. */
  pieces(microseconds: number): number;
  /** The same for what is faster in few long pieces: weights that stream from memory to one row. */
  streams(microseconds: number): number;
  /** Returns when every item has run. Throws `engine/lost` when a thread died. */
  run(...parts: readonly Part[]): void;
}

// The block of memory through which a job is handed out. Whoever lowers the items that are left by one has taken an item
// of the job that is there then, which cannot end before the item has run, and reads the arguments only afterwards: so a
// thread that comes late, or is preempted between two steps, is never waited for and never runs an item of another job.
// Words that are written by different threads lie 64 bytes apart.
const LEFT = 0; // i32 index
const JOB = 1; // changes with every job: what sleepers look at
const DONE = 16;
const WAITING = 17; // 1 while the dispatcher sleeps
const FAILED = 18; // 1 when a thread has thrown
const SLEEPERS = 32;
const PARTS = 24; // f64 index
const MOST_PARTS = 8;
const PART_WORDS = 48; // share, items, arguments

/** Bytes of the block. */
export const JOB_BYTES = (PARTS + MOST_PARTS * PART_WORDS) * 8;

// Looks at a word before sleeping on it: waking costs far more than the gap between two jobs of a layer.
const SPINS = 20_000;
/** A thread that finishes no item for this long is taken for dead. Counted in steps, so that a suspended device wakes well. */
const STEP_MS = 1000;
const STEPS = 60;

// Work below this runs where it is; pieces are no smaller than a few times what handing one out costs. More pieces
// than threads, because a thread may be slow, or be preempted.
const WORTH_SHARING_US = 10;
const PIECE_US = 6;
const PIECES_PER_THREAD = 8;
// Whoever streams weights loses the processor's reading ahead at the end of a piece: few are enough, unless they are long.
const STREAMS_PER_THREAD = 3;
const STREAM_US = 50;

const blockOf = (memory: WebAssembly.Memory, start: number) => ({
  words: new Int32Array(memory.buffer, start, JOB_BYTES / 4),
  parts: new Float64Array(memory.buffer, start, JOB_BYTES / 8),
  args: Array.from({ length: MOST_PARTS }, (_, part) => {
    return new Float64Array(memory.buffer, start + (PARTS + part * PART_WORDS + 2) * 8, PART_WORDS - 2);
  }),
});
type Block = ReturnType<typeof blockOf>;

/** How many items were left when one was taken, or 0. */
const take = ({ words }: Block): number => {
  for (let left = Atomics.load(words, LEFT); left > 0; ) {
    const found = Atomics.compareExchange(words, LEFT, left, left - 1);
    if (found === left) return left;
    left = found;
  }
  return 0;
};

/** The item of which `left` were left: items are counted upwards through the parts. */
const runItem = ({ parts, args }: Block, kernels: Kernels, left: number, thread: number): void => {
  let part = 0;
  let at = PARTS;
  let item = parts[PARTS - 1]! - left;
  while (item >= parts[at + 1]!) {
    item -= parts[at + 1]!;
    at += PART_WORDS;
    part++;
  }
  shares[shareNames[parts[at]!]!](kernels, args[part]!, item, thread);
};

const finishItem = ({ words, parts }: Block): void => {
  const done = Atomics.add(words, DONE, 1) + 1;
  if (done === parts[PARTS - 1]! && Atomics.load(words, WAITING) === 1) Atomics.notify(words, DONE);
};

/** The life of a thread other than the dispatcher: it takes items until it is terminated. */
export const serveJobs = (
  kernels: Kernels,
  memory: WebAssembly.Memory,
  start: number,
  thread: number,
): never => {
  const block = blockOf(memory, start);
  const { words } = block;
  try {
    for (;;) {
      const job = Atomics.load(words, JOB);
      for (let left = take(block); left > 0; left = take(block)) {
        runItem(block, kernels, left, thread);
        finishItem(block);
      }
      let spins = SPINS;
      while (spins > 0 && Atomics.load(words, JOB) === job) spins--;
      if (spins > 0) continue;
      Atomics.add(words, SLEEPERS, 1);
      Atomics.wait(words, JOB, job);
      Atomics.sub(words, SLEEPERS, 1);
    }
  } catch (error) {
    Atomics.store(words, FAILED, 1);
    Atomics.notify(words, DONE);
    throw error;
  }
};

const publish = ({ words }: Block, items: number): void => {
  Atomics.store(words, LEFT, items);
  Atomics.add(words, JOB, 1);
  if (Atomics.load(words, SLEEPERS) > 0) Atomics.notify(words, JOB);
};

const lost = (): LonghandError =>
  new LonghandError(
    'engine/lost',
    'A thread of the engine died. Stored sessions survive: load the model again and open them.',
  );

const allDone = ({ words }: Block, items: number): void => {
  for (let spins = SPINS; spins > 0; spins--) if (Atomics.load(words, DONE) === items) return;
  Atomics.store(words, WAITING, 1);
  let steps = 0;
  for (let done = Atomics.load(words, DONE); done !== items; done = Atomics.load(words, DONE)) {
    if (Atomics.load(words, FAILED) === 1) throw lost();
    steps = Atomics.wait(words, DONE, done, STEP_MS) === 'timed-out' ? steps + 1 : 0;
    if (steps === STEPS) throw lost();
  }
  Atomics.store(words, WAITING, 0);
};

/** Jobs for one thread. */
export const aloneJobs = (kernels: Kernels): Jobs => ({
  threads: 1,
  pieces: () => 1,
  streams: () => 1,
  run: (...parts) => {
    for (const { share, items, args } of parts) {
      for (let item = 0; item < items; item++) shares[share](kernels, args, item, 0);
    }
  },
});

/**
 * Jobs that this thread, which must be allowed to block, shares with those that `serveJobs` on the same block.
 * `died` says whether one of them is known to be dead.
 */
export const sharedJobs = (
  kernels: Kernels,
  memory: WebAssembly.Memory,
  start: number,
  threads: number,
  died: () => boolean,
): Jobs => {
  const block = blockOf(memory, start);
  const { words, parts: slots } = block;
  const alone = aloneJobs(kernels);
  const most = threads * PIECES_PER_THREAD;

  const write = (parts: readonly Part[], items: number): void => {
    slots[PARTS - 1] = items;
    let at = PARTS;
    for (const { share, items, args } of parts) {
      slots[at] = shareNames.indexOf(share);
      slots[at + 1] = items;
      // One by one: to set them together costs many times as much for so few.
      for (let i = 0; i < args.length; i++) slots[at + 2 + i] = args[i]!;
      at += PART_WORDS;
    }
    Atomics.store(words, DONE, 0);
  };

  return {
    threads,
    pieces: (microseconds) =>
      microseconds < WORTH_SHARING_US ? 1 : Math.min(most, Math.ceil(microseconds / PIECE_US)),
    streams: (microseconds) => {
      if (microseconds < WORTH_SHARING_US) return 1;
      return Math.min(most, Math.max(threads * STREAMS_PER_THREAD, Math.ceil(microseconds / STREAM_US)));
    },
    run: (...parts) => {
      if (died() || Atomics.load(words, FAILED) === 1) throw lost();
      let items = 0;
      for (const part of parts) items += part.items;
      if (items < 2) return alone.run(...parts);
      write(parts, items);
      publish(block, items);
      try {
        for (let left = take(block); left > 0; left = take(block)) {
          runItem(block, kernels, left, 0);
          finishItem(block);
        }
        allDone(block, items);
      } catch (error) {
        // What the other threads still write can no longer be told: nothing may be computed after this.
        Atomics.store(words, FAILED, 1);
        throw error;
      }
    },
  };
};
