import { describe, expect, test } from 'vitest';
import { digest } from '../../../src/kv/digest.js';
import { decodeManifest, encodeManifest, type Manifest } from '../../../src/kv/manifest.js';
import { magic, seal } from '../../../src/kv/seal.js';
import { random } from '../../support/random.js';

const draw = random(21);
const manifest: Manifest = {
  id: 'Шерлок/1 %',
  title: 'A "Study" in Scarlet \u{1f50d}',
  created: 1_790_000_000_000,
  used: 1_790_000_000_001,
  made: { model: 'm', tokenizer: 't', codec: 'c', attention: 'a', build: 'simd128' },
  tokens: Uint32Array.from({ length: 150 }, () => draw.below(2 ** 32)),
  canonical: 128,
  bytes: 12_345_678_901,
  notes: { turns: [1, 2, { text: 'é' }], none: null },
  fingerprint: 'f'.repeat(32),
  segmentTokens: 64,
  sharing: true,
  tail: [{ name: 'x/1/0', tokens: 22, bytes: 77 }],
};

const corrupt = expect.objectContaining({ code: 'storage/corrupt' });

describe('a manifest', () => {
  test('comes back as it was', () => {
    expect(decodeManifest(manifest.id, encodeManifest(manifest))).toEqual(manifest);
    const empty = {
      ...manifest,
      id: 'x',
      tokens: new Uint32Array(),
      canonical: 0,
      tail: [],
      notes: null,
    };
    expect(decodeManifest('x', encodeManifest(empty))).toEqual(empty);
  });

  test('is refused whichever byte changes, and cut anywhere', () => {
    const bytes = encodeManifest(manifest);
    for (let i = 0; i < bytes.length; i++) {
      bytes[i]! ^= 1 + draw.below(255);
      expect(() => decodeManifest(manifest.id, bytes), `byte ${i}`).toThrow(corrupt);
      bytes.set(encodeManifest(manifest));
      expect(() => decodeManifest(manifest.id, bytes.slice(0, i)), `${i} bytes`).toThrow(corrupt);
    }
  });

  test('of another session is refused', () => {
    expect(() => decodeManifest('else', encodeManifest(manifest))).toThrow(corrupt);
  });

  test('of a newer format is refused by that name, whatever its body is', () => {
    const newer = seal(magic('LHM1'), 3, 40, (body) => body.fill(9));
    const refusal = { code: 'storage/version', details: { session: 's', found: 3, supported: 2 } };
    expect(() => decodeManifest('s', newer)).toThrow(expect.objectContaining(refusal));
    newer[20]! ^= 1;
    expect(() => decodeManifest('s', newer)).toThrow(corrupt);
  });

  test('with fields missing, of a wrong kind, or at odds, is refused', () => {
    const { tokens, ...fields } = manifest;
    const stored = (json: string): Uint8Array => {
      const text = new TextEncoder().encode(json);
      return seal(magic('LHM1'), 2, 8 + 4 * tokens.length + text.length, (body) => {
        new Uint32Array(body.buffer, body.byteOffset, 2).set([tokens.length, text.length]);
        body.set(new Uint8Array(tokens.buffer), 8);
        body.set(text, 8 + 4 * tokens.length);
      });
    };
    expect(decodeManifest(manifest.id, stored(JSON.stringify(fields)))).toEqual(manifest);
    const odd: Record<string, unknown>[] = [
      ...Object.keys(fields)
        .filter((field) => field !== 'notes')
        .map((field) => ({ [field]: undefined })),
      ...[null, 'text', -1, 0.5, [null]].map((value) => ({ canonical: value })),
      ...[null, 1, 'yes'].map((value) => ({ sharing: value })),
      ...[null, [null], [{ name: 'k' }], [{ name: 1, tokens: 1, bytes: 1 }]].map((value) => ({
        tail: value,
      })),
      { tail: [{ name: 'k', tokens: 23, bytes: 1 }] },
      { made: { ...manifest.made, build: 7 } },
      { made: 'x' },
      { segmentTokens: 0 },
      { segmentTokens: 100 },
      { segmentTokens: 100, canonical: 200 },
    ];
    for (const change of odd) {
      const json = JSON.stringify({ ...fields, ...change });
      expect(() => decodeManifest(manifest.id, stored(json)), json).toThrow(corrupt);
    }
    for (const json of ['', 'null', '5', '"x"', '[]', '{', '{}']) {
      expect(() => decodeManifest(manifest.id, stored(json)), json).toThrow(corrupt);
    }
  });

  test('with hostile lengths and a checksum that fits is refused', () => {
    for (const word of [4, 5]) {
      for (const value of [0, 1, 149, 151, 0x7fffffff, 0xffffffff]) {
        const bytes = encodeManifest(manifest);
        const words = new Uint32Array(bytes.buffer);
        if (words[word] === value) continue;
        words[word] = value;
        const end = bytes.length - 16;
        bytes.set(new Uint8Array(digest(bytes.subarray(0, end)).buffer), end);
        expect(() => decodeManifest(manifest.id, bytes), `word ${word} = ${value}`).toThrow(corrupt);
      }
    }
  });

  test('that could not be opened again is not written', () => {
    for (const change of [{ created: 0.5 }, { canonical: 100 }, { tokens: new Uint32Array(100) }]) {
      expect(() => encodeManifest({ ...manifest, ...change })).toThrow(
        expect.objectContaining({ code: 'internal' }),
      );
    }
  });
});
