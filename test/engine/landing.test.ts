/** Coming back with threads: what is read stands where it is attended, and no byte of it is copied by the engine's thread. */
import 'fake-indexeddb/auto';
import { expect, test } from 'vitest';
import { openSession } from '../../src/engine/open-context.js';
import type { OpenModel } from '../../src/engine/open-model.js';
import type { EngineOptions } from '../../src/engine/options.js';
import { threadUrl } from '../support/kernels.js';
import { book, openBundled } from './bundled.js';

const QUESTION = 'Who came to the door?';
const TEXT = book().slice(5000, 11_000);

/** Pages that became a layer's where they stood, those that were copied, and rooms that are nobody's yet. */
const watched = ({ reader: { backend } }: OpenModel) => {
  const count = { taken: 0, copied: 0 };
  const rooms = new Set<Uint8Array>();
  const { writePage, pageRoom, freeRoom } = backend;
  backend.writePage = (kv, page, bytes) => {
    writePage(kv, page, bytes);
    const isTaken = rooms.delete(bytes) && backend.peekPage!(kv, page).byteOffset === bytes.byteOffset;
    count[isTaken ? 'taken' : 'copied'] += 1;
  };
  if (pageRoom && freeRoom) {
    backend.pageRoom = (bytes) => {
      const room = pageRoom(bytes);
      rooms.add(room);
      return room;
    };
    backend.freeRoom = (room) => {
      freeRoom(room);
      rooms.delete(room);
    };
  }
  return { count, rooms };
};

const visit = async (threads: number, database: string, options: EngineOptions, text?: string) => {
  const kv = { store: 'idb', database, ...options.kv } as const;
  const model = await openBundled({ threads, threadUrl, ...options, kv });
  const { count, rooms } = watched(model);
  const session = await openSession(model, { id: 'book' });
  if (text !== undefined) await session.conversation!.append(text, {});
  let said = '';
  const how = { maxTokens: 16, temperature: 0 };
  await session.conversation!.ask(QUESTION, how, {}, (piece) => {
    said += piece;
  });
  const { recomputedTokens, reusedTokens } = await session.stats();
  const lost = model.kept!.archive.lost.length;
  await session.close();
  await model.close();
  return { said, recomputedTokens, reusedTokens, lost, count: { ...count, left: rooms.size } };
};

test.each<[string, EngineOptions]>([
  ['all of it', { attention: { method: 'dense' } }],
  ['chosen pages', { attention: { method: 'dhsa', budget: 256 } }],
  ['a part of it at a time', { attention: { method: 'dense' }, kv: { memory: '3MB' } }],
])(
  '%s: the answer of one thread, without a copy',
  async (name, options) => {
    const first = await visit(1, name, options, TEXT);
    const alone = await visit(1, name, options);
    const shared = await visit(2, name, options);
    expect(shared.reusedTokens).toBeGreaterThan(1000);
    for (const one of [alone, shared]) {
      expect(one).toMatchObject({ said: first.said, recomputedTokens: 0, lost: 0 });
    }
    expect(alone.count).toMatchObject({ taken: 0, left: 0 });
    expect(alone.count.copied).toBeGreaterThan(100);
    expect(shared.count.taken).toBeGreaterThan(100);
    // Of what was on its way nothing stays behind.
    expect(shared.count).toMatchObject({ copied: 0, left: 0 });
  },
  180_000,
);
