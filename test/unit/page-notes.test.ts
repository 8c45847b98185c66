/** Notes of stored keys: made once, kept while nothing but more text comes, and made again where keys are others. */
import { expect, onTestFinished, test } from 'vitest';
import { PAGE } from '../../src/backends/backend.js';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import { createPageNotes } from '../../src/predictors/page-notes.js';
import { kernelsUrl } from '../support/kernels.js';
import { random } from '../support/random.js';

const wasm = { simd128: new URL('kernels.wasm', kernelsUrl) };
const shape = { kvHeads: 1, keyDim: 32, valueDim: 32, keys: 'q8', values: 'q8' } as const;
const WIDTH = 32;

const open = async () => {
  const backend = await createWasmBackend({ wasm, threads: 1 });
  onTestFinished(() => backend.close());
  const kv = backend.kvLayer('kv', shape);
  const next = random(3);
  const append = (position: number, rows: number): void => {
    const k = backend.tensor('k', rows, WIDTH);
    backend.upload(k, next.normals(rows * WIDTH));
    backend.mapPages(kv, Math.max(kv.pages, Math.ceil((position + rows) / PAGE)));
    backend.appendKv(kv, k, k, position);
  };
  let made = 0;
  let looks = 0;
  const notes = createPageNotes(
    2,
    (keys) => {
      made += 1;
      return [...keys.subarray(0, 4)];
    },
    {
      name: 'first',
      encode: (note) => new Uint8Array(Float32Array.from(note).buffer),
      decode: (bytes) => (bytes.length === 16 ? [...new Float32Array(bytes.slice().buffer)] : undefined),
    },
  );
  const peek = backend.peekPage!;
  const watched = {
    ...backend,
    peekPage: (...args: Parameters<typeof peek>) => {
      looks += 1;
      return peek(...args);
    },
  };
  const of = (run: number): number[] => notes.of(watched, kv, run);
  return { backend, kv, append, notes, of, made: () => made, looks: () => looks };
};

test('more text leaves them alone, without another look at their pages', async () => {
  const { append, of, made, looks } = await open();
  append(0, 2 * PAGE);
  const first = of(0);
  const before = looks();
  for (let token = 0; token < 40; token++) {
    append(2 * PAGE + token, 1);
    expect(of(0)).toBe(first);
  }
  expect(looks()).toBe(before);
  append(2 * PAGE + 40, 2 * PAGE);
  of(1);
  expect(made()).toBe(2);
});

test('what is written over, cut and read again, or put in its place is noted again', async () => {
  const { backend, kv, append, of, made } = await open();
  append(0, 2 * PAGE);
  const first = of(0);
  append(PAGE + 5, 3);
  of(0);
  expect(made()).toBe(2);
  append(0, 2 * PAGE);
  const second = of(0);
  expect(second).not.toEqual(first);
  expect(made()).toBe(3);
  // Cut in a page, and at a page: the same positions, other keys.
  backend.mapPages(kv, 1);
  append(PAGE, PAGE);
  expect(of(0)).toEqual(second);
  expect(made()).toBe(4);
  append(2 * PAGE, 10);
  const page = await backend.readPage(kv, 0);
  backend.writePage(kv, 0, page);
  of(0);
  expect(made()).toBe(4);
  page[0]! ^= 1;
  backend.writePage(kv, 0, page);
  of(0);
  expect(made()).toBe(5);
});

test('a cut in a page costs one look, not one at every token that follows', async () => {
  const { backend, kv, append, of, made, looks } = await open();
  append(0, 2 * PAGE + 50);
  const first = of(0);
  backend.mapPages(kv, 3);
  append(2 * PAGE + 10, 1);
  expect(of(0)).toBe(first);
  const before = looks();
  for (let token = 11; token < 60; token++) {
    append(2 * PAGE + token, 1);
    of(0);
  }
  expect(looks()).toBe(before);
  expect(made()).toBe(1);
});

test('at rest they are those of their keys, and of no others', async () => {
  const { backend, kv, append, notes, of, made } = await open();
  append(0, 4 * PAGE);
  const both = [of(0), of(1)];
  const [first, second] = [notes.kept!.read([kv], 0)!, notes.kept!.read([kv], 1)!];
  expect(notes.kept!.read([kv], 2)).toBeUndefined();
  const other = backend.kvLayer('other', shape);
  backend.mapPages(other, 4);
  for (let page = 0; page < 4; page++) backend.writePage(other, page, await backend.readPage(kv, page));
  notes.kept!.write([other], 0, first);
  expect(notes.kept!.read([other], 0)).toBeUndefined();
  expect(notes.of(backend, other, 0)).toEqual(both[0]);
  expect(made()).toBe(2);
  // It rests where it came from: there is nothing to hand over, which is another thing than not to be noted yet.
  expect(notes.kept!.read([other], 0)).toHaveLength(0);
  // Those of another run, and bytes that are none at all.
  notes.kept!.write([other], 1, first);
  expect(notes.of(backend, other, 1)).toEqual(both[1]);
  expect(made()).toBe(3);
  for (const bytes of [
    new Uint8Array(0),
    second.slice(0, 20),
    second.slice(0, 8),
    new Uint8Array(64).fill(255),
  ]) {
    notes.kept!.write([other], 1, bytes);
    expect(notes.of(backend, other, 1)).toEqual(both[1]);
  }
  // The right keys' digest, and a note that cannot be read.
  const short = second.slice();
  new DataView(short.buffer).setUint32(12, 12, true);
  const fresh = backend.kvLayer('fresh', shape);
  backend.mapPages(fresh, 4);
  for (let page = 0; page < 4; page++) backend.writePage(fresh, page, await backend.readPage(kv, page));
  notes.kept!.write([fresh], 1, short);
  const before = made();
  expect(notes.of(backend, fresh, 1)).toEqual(both[1]);
  expect(made()).toBe(before + 1);
});
