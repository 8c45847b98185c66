/** Memory for pages that come: it becomes a page without a copy, or is given back. */
import { expect, onTestFinished, test } from 'vitest';
import { createWasmBackend } from '../../src/backends/wasm/backend.js';
import { pageRooms } from '../../src/engine/page-rooms.js';
import { kernelsUrl, threadUrl } from '../support/kernels.js';
import { random } from '../support/random.js';

const wasm = { simd128: new URL('kernels.wasm', kernelsUrl) };
const shape = { kvHeads: 2, keyDim: 32, valueDim: 32, keys: 'q8', values: 'q8' } as const;

const open = async (threads: number, memory?: number) => {
  const backend = await createWasmBackend({ wasm, threads, threadUrl, ...(memory && { memory }) });
  onTestFinished(() => backend.close());
  const kv = backend.kvLayer('kv', shape);
  backend.mapPages(kv, 4, true);
  return { backend, kv, bytes: random(5).bytes(kv.pageBytes) };
};

test('a page that stands in a room is taken over where it is', async () => {
  const { backend, kv, bytes } = await open(2);
  const empty = backend.bytes();
  const room = backend.pageRoom!(kv.pageBytes);
  const held = backend.bytes();
  expect(held.pages).toBe(empty.pages);
  expect(held.total).toBeGreaterThanOrEqual(empty.total + kv.pageBytes);
  room.set(bytes);
  backend.writePage(kv, 2, room);
  expect([kv.resident, kv.isCold(2)]).toEqual([1, false]);
  expect(backend.peekPage!(kv, 2).byteOffset).toBe(room.byteOffset);
  expect(await backend.readPage(kv, 2)).toEqual(bytes);
  expect(backend.bytes()).toEqual({
    ...empty,
    pages: empty.pages + held.total - empty.total,
    total: held.total,
  });
  // It is a page now: giving it back, or writing it again, changes nothing of that.
  backend.freeRoom!(room);
  backend.writePage(kv, 3, room);
  expect(backend.peekPage!(kv, 3).byteOffset).not.toBe(room.byteOffset);
  expect(await backend.readPage(kv, 2)).toEqual(bytes);
  backend.dropPages(kv, [2, 3]);
  expect(backend.bytes()).toEqual(empty);
});

test('what has memory is copied to, and a room that nobody takes over is given back', async () => {
  const { backend, kv, bytes } = await open(2);
  backend.writePage(kv, 0, random(6).bytes(kv.pageBytes));
  const before = backend.bytes();
  const room = backend.pageRoom!(kv.pageBytes);
  room.set(bytes);
  backend.writePage(kv, 0, room);
  expect(backend.peekPage!(kv, 0).byteOffset).not.toBe(room.byteOffset);
  expect(await backend.readPage(kv, 0)).toEqual(bytes);
  backend.freeRoom!(room);
  backend.freeRoom!(room);
  expect(backend.bytes()).toEqual(before);
  // The same place is given again.
  expect(backend.pageRoom!(kv.pageBytes).byteOffset).toBe(room.byteOffset);
});

test('a room stays where it is while memory grows around it', async () => {
  const { backend, kv, bytes } = await open(2);
  const room = backend.pageRoom!(kv.pageBytes);
  room.set(bytes);
  backend.tensor('large', 1000, 10_000);
  expect(room).toEqual(bytes);
  backend.writePage(kv, 1, room);
  expect(await backend.readPage(kv, 1)).toEqual(bytes);
});

test('memory of one’s own has none, nor has memory that is used up', async () => {
  const { backend: alone } = await open(1);
  expect([alone.pageRoom, alone.freeRoom]).toEqual([undefined, undefined]);
  expect(pageRooms(() => alone).take(64)).toBeUndefined();
  const { backend } = await open(2, 64 * 65536);
  const rooms = pageRooms(() => backend);
  const taken: Uint8Array[] = [];
  for (let room = rooms.take(1 << 20); room; room = rooms.take(1 << 20)) taken.push(room);
  expect(taken.length).toBeGreaterThan(0);
  for (const room of taken) rooms.free(room);
  expect(rooms.take(1 << 20)?.byteOffset).toBe(taken[0]!.byteOffset);
});
