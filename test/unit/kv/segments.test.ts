import { describe, expect, test } from 'vitest';
import { createSegmentKeys, fingerprintOf, type Provenance, segmentKeys } from '../../../src/kv/segments.js';
import { random } from '../../support/random.js';

const draw = random(11);
const ids = Array.from({ length: 1000 }, () => draw.below(150_000));

describe('segment keys', () => {
  test('are there for whole segments only', () => {
    for (const [tokens, keys] of [
      [0, 0],
      [127, 0],
      [128, 1],
      [255, 1],
      [256, 2],
      [1000, 7],
    ] as const) {
      expect(segmentKeys('f', ids.slice(0, tokens), 128)).toHaveLength(keys);
    }
  });

  test('are made one by one as they are at once, and again after a cut', () => {
    const all = segmentKeys('f', ids, 128);
    const keys = createSegmentKeys('f', 128);
    for (const count of [0, 1, 1, 3, 2, 7]) expect(keys.upTo(ids, count)).toEqual(all.slice(0, count));
    const other = Object.assign([...ids], { 300: 1 });
    expect(keys.upTo(other, 7)).toEqual(all);
    keys.cut(2);
    expect(keys.upTo(other, 7)).toEqual(segmentKeys('f', other, 128));
    keys.cut(9);
    expect(keys.upTo(ids, 7)).toEqual(segmentKeys('f', other, 128));
    keys.cut(0);
    expect(keys.upTo(ids, 7)).toEqual(all);
  });

  test('of a beginning are the beginning of the keys, whatever holds the ids', () => {
    const all = segmentKeys('f', ids, 128);
    expect(new Set(all).size).toBe(7);
    for (const key of all) expect(key).toMatch(/^[0-9a-f]{32}$/);
    for (let tokens = 0; tokens <= ids.length; tokens += 41) {
      const keys = segmentKeys('f', Uint32Array.from(ids.slice(0, tokens)), 128);
      expect(keys).toEqual(all.slice(0, keys.length));
    }
  });

  test('change from the segment on in which an id changes, and not before', () => {
    const all = segmentKeys('f', ids, 128);
    for (const at of [0, 1, 127, 128, 500, 895]) {
      const changed = segmentKeys('f', Object.assign([...ids], { [at]: ids[at]! ^ 1 }), 128);
      const segment = Math.floor(at / 128);
      expect(changed.slice(0, segment)).toEqual(all.slice(0, segment));
      for (let n = segment; n < all.length; n++) expect(all).not.toContain(changed[n]);
    }
  });

  test('are others for another fingerprint, another segment length, and at another place', () => {
    const all = segmentKeys('f', ids, 128);
    const others = [
      ...segmentKeys('g', ids, 128),
      ...segmentKeys('f', ids, 64),
      ...segmentKeys('f', ids, 256),
    ];
    for (const key of others) expect(all).not.toContain(key);
    const twice = [...ids.slice(0, 128), ...ids.slice(0, 128)];
    expect(new Set(segmentKeys('f', twice, 128)).size).toBe(2);
  });
});

describe('provenance', () => {
  const made: Provenance = {
    model: 'm',
    tokenizer: 't',
    codec: 'q8.1/q8.1',
    attention: 'dhsa',
    build: 'simd128',
  };

  test('has one fingerprint, which all that shapes K and V changes', () => {
    expect(fingerprintOf({ ...made })).toBe(fingerprintOf(made));
    for (const field of ['model', 'codec', 'attention', 'build'] as const) {
      expect(fingerprintOf({ ...made, [field]: 'x' })).not.toBe(fingerprintOf(made));
    }
    expect(fingerprintOf({ ...made, tokenizer: 'x' })).toBe(fingerprintOf(made));
    expect(fingerprintOf({ ...made, model: 'm"', codec: '' })).not.toBe(
      fingerprintOf({ ...made, model: 'm', codec: '"' }),
    );
  });
});
