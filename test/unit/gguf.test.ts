import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GGMLQuantizationType, gguf as oracle } from '@huggingface/gguf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MetadataValue } from '../../src/weights/gguf.js';
import { type GgufModel, openGguf } from '../../src/weights/gguf-reader.js';
import { openSource } from '../../src/weights/open-source.js';
import { SUPPORTED_TYPES } from '../../src/weights/tensor-types.js';
import { entryOf, find, patched, piecewise } from '../support/gguf-surgery.js';
import { arrayField, type Field, field, writeGguf } from '../support/gguf-writer.js';
import { randomModel } from '../support/random-model.js';

const BUNDLED = 'examples/models/book-reader-5m-Q8_0.gguf';
const TOKENIZERS = 'test/fixtures/tokenizers';
const TYPE_NAMES: Partial<Record<GGMLQuantizationType, string>> = {
  0: 'F32',
  1: 'F16',
  30: 'BF16',
  8: 'Q8_0',
  2: 'Q4_0',
  3: 'Q4_1',
  6: 'Q5_0',
  7: 'Q5_1',
  10: 'Q2_K',
  11: 'Q3_K',
  12: 'Q4_K',
  13: 'Q5_K',
  14: 'Q6_K',
  20: 'IQ4_NL',
  23: 'IQ4_XS',
};

/** A file with a bit of everything, small enough to be cut at every byte. */
const small = (version: 2 | 3 = 3, alignment = 32): Uint8Array<ArrayBuffer> =>
  writeGguf({
    version,
    alignment,
    metadata: {
      'general.architecture': field('string', 'llama'),
      number: field('u32', 7),
      words: arrayField('string', ['a', '', 'Ġmeer', '\ufeffmark']),
      numbers: arrayField('f32', [1, -2, 0.5]),
    },
    tensors: [
      { name: 'matrix', type: 'Q8_0', shape: [64, 3], values: new Float32Array(192).fill(0.5) },
      { name: 'vector', type: 'F32', shape: [16], values: new Float32Array(16).fill(1) },
      { name: 'cube', type: 'F16', shape: [4, 2, 8], values: new Float32Array(64).fill(2) },
    ],
  });

const load = async (file: Uint8Array<ArrayBuffer>): Promise<GgufModel> => openGguf(openSource(file));
const refused = (file: Uint8Array<ArrayBuffer>, words: string | RegExp) =>
  expect(load(file)).rejects.toMatchObject({ code: 'model/corrupt', message: expect.stringMatching(words) });

/** Content of all tensors, put together from the pieces. */
const content = async (model: GgufModel): Promise<Map<string, Uint8Array>> => {
  const found = new Map([...model.tensors].map(([name, { bytes }]) => [name, new Uint8Array(bytes)]));
  const next = new Map<string, number>();
  let loaded = 0;
  for await (const piece of model.rows()) {
    const { name, rows, bytes } = piece.tensor;
    expect(piece.row).toBe(next.get(name) ?? 0);
    expect(piece.bytes.length % (bytes / rows)).toBe(0);
    expect(piece.loaded).toBeGreaterThan(loaded);
    loaded = piece.loaded;
    found.get(name)!.set(piece.bytes, piece.row * (bytes / rows));
    next.set(name, piece.row + piece.bytes.length / (bytes / rows));
  }
  for (const { name, rows } of model.tensors.values()) expect(next.get(name)).toBe(rows);
  expect(loaded).toBe(model.tensors.size > 0 ? model.bytes : 0);
  return found;
};

describe('agreement with @huggingface/gguf', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gguf-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const plain = (value: unknown): unknown => {
    // The other reader drops a byte order mark that begins a string; to a vocabulary it is a token.
    if (typeof value === 'string') return value.replace(/^\ufeff/, '');
    if (Array.isArray(value) || ArrayBuffer.isView(value))
      return Array.from(value as ArrayLike<unknown>, plain);
    return typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
  };
  const value = ({ metadata }: GgufModel, key: string, like: unknown): unknown => {
    if (Array.isArray(like)) {
      return typeof like[0] === 'string' ? metadata.strings(key) : metadata.numbers(key);
    }
    if (typeof like === 'string') return metadata.string(key);
    return typeof like === 'boolean' ? metadata.boolean(key) : metadata.number(key);
  };
  const agree = async (path: string): Promise<void> => {
    const theirs = await oracle(path, { allowLocalFile: true });
    const file = new Uint8Array(await readFile(path));
    const ours = await load(file);
    const { version, tensor_count, kv_count, ...pairs } = theirs.metadata as Record<string, unknown>;
    expect(ours.version).toBe(version);
    expect([...ours.metadata.keys()]).toEqual(Object.keys(pairs));
    expect([...ours.metadata.keys()].length).toBe(Number(kv_count));
    expect(ours.tensors.size).toBe(Number(tensor_count));
    for (const [key, like] of Object.entries(pairs))
      expect(plain(value(ours, key, like))).toEqual(plain(like));
    for (const { name, shape, dtype, offset } of theirs.tensorInfos) {
      const entry = ours.tensors.get(name)!;
      const [cols = 1, ...outer] = shape.map(Number);
      expect(entry).toMatchObject({
        cols,
        rows: outer.reduce((product, size) => product * size, 1),
        dims: shape.length,
        type: TYPE_NAMES[dtype],
        offset: Number(theirs.tensorDataOffset) + Number(offset),
      });
    }
    for (const [name, bytes] of await content(ours)) {
      const { offset } = ours.tensors.get(name)!;
      expect(Buffer.compare(bytes, file.subarray(offset, offset + bytes.length))).toBe(0);
    }
  };

  for (const type of SUPPORTED_TYPES) {
    for (const version of [2, 3] as const) {
      test(`random models of ${type}, version ${version}`, async () => {
        for (const [seed, architecture, tokenizer] of [
          [1, 'llama', 'spm'],
          [2, 'qwen3', 'qwen2'],
        ] as const) {
          const path = join(folder, `${architecture}-${type}-${version}.gguf`);
          await writeFile(path, randomModel({ architecture, type, tokenizer, seed, version, layers: 1 }));
          await agree(path);
        }
      });
    }
  }
  test('the bundled model', () => agree(BUNDLED));
  test('vocabularies of 32 000 and 50 257 tokens', async () => {
    const files = (await readdir(TOKENIZERS)).filter((name) => name.endsWith('.gguf'));
    expect(files.length).toBeGreaterThan(0);
    for (const name of files) await agree(join(TOKENIZERS, name));
  });
});

describe('metadata', () => {
  const scalars: [Field, MetadataValue][] = [
    [field('u8', 255), 255],
    [field('i8', -128), -128],
    [field('u16', 65535), 65535],
    [field('i16', -32768), -32768],
    [field('u32', 4294967295), 4294967295],
    [field('i32', -2147483648), -2147483648],
    [field('f32', 0.1), Math.fround(0.1)],
    [field('u64', 2n ** 53n - 1n), 2 ** 53 - 1],
    [field('i64', -(2n ** 53n) + 1n), -(2 ** 53) + 1],
    [field('f64', 0.1), 0.1],
  ];
  const read = async (metadata: Record<string, Field>) =>
    (await load(writeGguf({ metadata, tensors: [] }))).metadata;

  test.each(scalars.map((pair) => [pair[0].type, ...pair] as const))('%s', async (_, given, expected) => {
    const metadata = await read({
      key: given,
      list: arrayField(given.type as 'u8', [given.value as number, 1]),
    });
    expect(metadata.number('key')).toBe(expected);
    expect(Array.from(metadata.numbers('list'))).toEqual([expected, 1]);
  });

  test('strings and booleans', async () => {
    const metadata = await read({
      text: field('string', '\ufeffGrüße, 世界 🌍'),
      yes: field('bool', true),
      list: arrayField('string', ['', 'x'.repeat(1000), '€']),
      empty: arrayField('string', []),
    });
    expect(metadata.string('text')).toBe('\ufeffGrüße, 世界 🌍');
    expect(metadata.boolean('yes')).toBe(true);
    expect(metadata.strings('list')).toEqual(['', 'x'.repeat(1000), '€']);
    expect(metadata.strings('empty')).toEqual([]);
  });

  test('fallbacks stand in for missing keys only', async () => {
    const metadata = await read({ text: field('string', 'x') });
    expect(metadata.number('gone', 3)).toBe(3);
    expect(metadata.boolean('gone', false)).toBe(false);
    expect(metadata.strings('gone', ['a'])).toEqual(['a']);
    expect(() => metadata.number('text', 3)).toThrow(/a number.*"text".*a string/);
    expect(() => metadata.strings('gone')).toThrow(/"gone".*nothing/);
  });

  test('an integer no number holds is no number', async () => {
    const metadata = await read({
      big: field('u64', 2n ** 60n + 1n),
      list: arrayField('u64', [2n ** 60n + 1n]),
    });
    expect(() => metadata.number('big')).toThrow(/1152921504606846977/);
    expect(() => metadata.numbers('list')).toThrow(/"list"/);
  });

  test('arrays of arrays are read, to a depth', async () => {
    const nested = (depth: number): Field =>
      depth === 0 ? arrayField('u8', [1]) : { type: 'array', of: 'array', value: [nested(depth - 1)] };
    expect((await read({ deep: nested(3), after: field('u8', 9) })).number('after')).toBe(9);
    await refused(writeGguf({ metadata: { deep: nested(4) }, tensors: [] }), /deeper than 4/);
    await refused(writeGguf({ metadata: { deep: nested(40) }, tensors: [] }), /deeper than 4/);
  });
});

describe('content', () => {
  test.each([1, 2, 3, 7, 64, 1000, 1 << 20])('does not depend on pieces of %i bytes', async (step) => {
    const file = small();
    const known = await content(await openGguf(piecewise(file, step)));
    const unknown = await content(await openGguf(piecewise(file, step, false)));
    expect(known).toEqual(unknown);
    expect(known).toEqual(await content(await load(file)));
  });

  test.each([1, 32, 64, 4096])('alignment %i', async (alignment) => {
    const file = small(3, alignment);
    for (const { offset, bytes } of (await load(file)).tensors.values()) {
      expect(offset % alignment).toBe(0);
      expect(offset + bytes).toBeLessThanOrEqual(file.length);
    }
    expect(await content(await load(file))).toEqual(await content(await load(small())));
  });

  test('comes in whole rows of about 1 MiB', async () => {
    const values = new Float32Array(512 * 1031);
    const file = writeGguf({
      metadata: {},
      tensors: [{ name: 'big', type: 'F32', shape: [512, 1031], values }],
    });
    const lengths: number[] = [];
    for await (const { bytes } of (await load(file)).rows()) lengths.push(bytes.length);
    expect(lengths).toEqual([1 << 20, 1 << 20, 2048 * 7]);
  });

  test('the source is closed at the end, on leaving early, and on refusal', async () => {
    const whole = piecewise(small(), 10);
    await content(await openGguf(whole));
    expect(whole.closed).toBe(true);
    const left = piecewise(small(), 10);
    for await (const _ of (await openGguf(left)).rows()) break;
    expect(left.closed).toBe(true);
    expect(left.pulled).toBeLessThan(small().length);
    const headOnly = piecewise(small(), 10);
    await (await openGguf(headOnly)).close();
    expect(headOnly.closed).toBe(true);
    const flawed = piecewise(
      patched(small(), (view) => view.setUint8(0, 0)),
      10,
    );
    await expect(openGguf(flawed)).rejects.toThrow();
    expect(flawed.closed).toBe(true);
  });

  test('an abort ends it', async () => {
    const abort = new AbortController();
    const steps = (await load(small())).rows(abort.signal);
    await steps.next();
    abort.abort();
    await expect(steps.next()).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('refusals', () => {
  test('a file cut at any byte', async () => {
    const file = small();
    const { bytes } = await load(file);
    for (let length = 0; length < bytes; length++) {
      const cut = file.slice(0, length);
      for (const sized of [true, false]) {
        const read = async () => content(await openGguf(piecewise(cut, 100, sized)));
        await expect(read(), `cut at ${length}`).rejects.toMatchObject({
          code: 'model/corrupt',
          details: { offset: expect.any(Number) },
        });
      }
    }
  });

  test('what is no GGUF, or another GGUF', async () => {
    const head = (change: (view: DataView) => void) => patched(small(), change);
    await refused(
      head((view) => view.setUint8(0, 0x50)),
      /starts with "PGUF"/,
    );
    await refused(
      head((view) => view.setUint32(4, 1, true)),
      /GGUF version 1/,
    );
    await refused(
      head((view) => view.setUint32(4, 4, true)),
      /GGUF version 4/,
    );
    await refused(
      head((view) => view.setUint32(4, 3, false)),
      /big-endian/,
    );
  });

  test.each([
    2n ** 63n,
    2n ** 40n,
    10n ** 6n,
  ])('%s of anything, in the head where the size is known', async (count) => {
    const file = small();
    const head = entryOf(file, 'cube', 3).offset + 8;
    const words = find(file, 'words') + 'words'.length;
    const name = find(file, 'matrix') - 8;
    const entry = entryOf(file, 'matrix', 2);
    const numbers = find(file, 'numbers') + 'numbers'.length;
    const places = [
      8,
      16,
      24,
      words + 8,
      words + 16,
      name,
      entry.shape,
      entry.shape + 8,
      entry.offset,
      numbers + 8,
    ];
    for (const at of places) {
      const hostile = patched(file, (view) => view.setBigUint64(at, count, true));
      for (const sized of [true, false]) {
        const source = piecewise(hostile, 64, sized);
        const read = async () => content(await openGguf(source));
        await expect(read(), `at ${at}`).rejects.toMatchObject({ code: 'model/corrupt' });
        if (sized) expect(source.pulled).toBeLessThan(head + 64);
      }
    }
  });

  test('announced lengths are not allocated before they arrive', async () => {
    const file = patched(small(), (view) => view.setBigUint64(24, 100n << 20n, true));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const source = piecewise(file, 64, false);
    const watched = {
      ...source,
      async *pieces() {
        for await (const piece of source.pieces()) {
          most = Math.max(most, process.memoryUsage().arrayBuffers - before);
          yield piece;
        }
      },
    };
    await expect(openGguf(watched)).rejects.toMatchObject({ code: 'model/corrupt' });
    expect(most).toBeLessThan(10 << 20);
  });

  test('names and keys that appear twice', async () => {
    const zero = new Float32Array(32);
    const tensor = { type: 'F32', shape: [32], values: zero } as const;
    const twins = {
      metadata: {},
      tensors: [
        { name: 'a', ...tensor },
        { name: 'a', ...tensor },
      ],
    };
    await refused(writeGguf(twins), /tensor "a" appears twice/);
    const keys = writeGguf({ metadata: { key1: field('u8', 1), key2: field('u8', 1) }, tensors: [] });
    await refused(
      patched(keys, (view) => view.setUint8(find(keys, 'key2') + 3, 0x31)),
      /"key1" appears twice/,
    );
  });

  test('tensors that overlap, lie askew, lie outside, or have no shape', async () => {
    const file = small();
    const matrix = entryOf(file, 'matrix', 2);
    const vector = entryOf(file, 'vector', 1);
    const at = (place: number, value: bigint) =>
      patched(file, (view) => view.setBigUint64(place, value, true));
    await refused(at(vector.offset, 32n), /"matrix" and "vector" overlap/);
    await refused(at(vector.offset, 33n), /not at a multiple of 32/);
    await refused(at(vector.offset, 1n << 20n), /"vector" ends at byte \d+, but the file has/);
    await refused(at(matrix.shape, 0n), /cannot have the shape 0 × 3/);
    await refused(at(matrix.shape, 65n), /cannot have the shape 65 × 3/);
    await refused(at(matrix.shape + 8, (1n << 53n) - 1n), /cannot have the shape/);
    const dims = (count: number) => patched(file, (view) => view.setUint32(matrix.dims, count, true));
    await refused(dims(0), /has 0 dimensions/);
    await refused(dims(5), /has 5 dimensions/);
  });

  test('a type nobody can size', async () => {
    const file = small();
    const bad = patched(file, (view) => view.setUint32(entryOf(file, 'matrix', 2).type, 99, true));
    await expect(load(bad)).rejects.toMatchObject({
      code: 'unsupported/tensor-type',
      message: expect.stringMatching(/"matrix".*GGML type 99.*Q8_0/),
    });
  });

  test.each([0, 3, 48, 1 << 21])('alignment %i', (alignment) =>
    refused(
      writeGguf({ metadata: { 'general.alignment': field('u32', alignment) }, tensors: [] }),
      /alignment/,
    ));

  test('values of no type, and booleans that are none', async () => {
    const file = writeGguf({ metadata: { yes: field('bool', true) }, tensors: [] });
    const type = find(file, 'yes') + 3;
    await refused(
      patched(file, (view) => view.setUint32(type, 13, true)),
      /type 13/,
    );
    await refused(
      patched(file, (view) => view.setUint8(type + 4, 2)),
      /2 as a boolean/,
    );
  });
});
