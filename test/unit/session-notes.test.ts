import { expect, test } from 'vitest';
import { notesOf } from '../../src/engine/session-notes.js';
import type { Manifest } from '../../src/kv/manifest.js';

const place = { tokens: 2, turn: 'user', pieces: 1 };
const manifest = (said: unknown): Manifest => {
  const turns = { turn: 'answered', pieces: [{ start: 0, end: 2, turn: 'start' }], said };
  const notes = { spans: [{ end: 4, exact: false }], turns };
  return { id: 'a', tokens: new Uint32Array(4), notes } as unknown as Manifest;
};

test('what was said is taken as it was written, or left out by older versions', async () => {
  const said = [
    { role: 'user', length: 9, place: { ...place, tokens: 0, pieces: 0 } },
    { role: 'assistant', text: 'Yes.', place },
    { role: 'user', text: 'Why?', place: { tokens: 4, turn: 'answered', pieces: 1 } },
  ];
  expect((await notesOf(manifest(said))).turns.said).toEqual(said);
  expect((await notesOf(manifest(undefined))).turns.said).toBeUndefined();
});

test.each([
  ['no list', 7],
  ['a hole', [null]],
  ['another role', [{ role: 'system', text: 'x' }]],
  ['a text that is none', [{ role: 'user', text: 7 }]],
  ['neither text nor length', [{ role: 'user' }]],
  ['a length below 0', [{ role: 'user', length: -1, place }]],
  ['a place behind the tokens', [{ role: 'user', text: 'x', place: { ...place, tokens: 5 } }]],
  ['a place behind the pieces', [{ role: 'user', text: 'x', place: { ...place, pieces: 2 } }]],
  ['a turn that is none', [{ role: 'user', text: 'x', place: { ...place, turn: 'then' } }]],
])('from a file it is refused: %s', async (_, said) => {
  await expect(notesOf(manifest(said))).rejects.toMatchObject({ code: 'storage/corrupt' });
});
