import type { ByteReader } from './byte-reader.js';
import type { MetadataValue } from './gguf.js';

/** A key, its value's type, and a value of one byte. */
const LEAST_PAIR = 8 + 4 + 1;
const LEAST_STRING = 8;
const LEAST_ARRAY = 4 + 8;
const MAX_PAIRS = 65_536;
const MAX_NAME = 65_535;
const MAX_DEPTH = 4;

const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

interface NumericType {
  readonly width: number;
  readonly one: (view: DataView) => number | bigint;
  readonly many: new (bytes: ArrayBuffer) => Exclude<MetadataValue, number | bigint | boolean | string>;
}

/** A 64-bit integer as a number where that is exact. */
const exact = (value: bigint): number | bigint =>
  Number.isSafeInteger(Number(value)) ? Number(value) : value;

const NUMERIC: ReadonlyMap<number, NumericType> = new Map<number, NumericType>([
  [0, { width: 1, one: (view) => view.getUint8(0), many: Uint8Array }],
  [1, { width: 1, one: (view) => view.getInt8(0), many: Int8Array }],
  [2, { width: 2, one: (view) => view.getUint16(0, true), many: Uint16Array }],
  [3, { width: 2, one: (view) => view.getInt16(0, true), many: Int16Array }],
  [4, { width: 4, one: (view) => view.getUint32(0, true), many: Uint32Array }],
  [5, { width: 4, one: (view) => view.getInt32(0, true), many: Int32Array }],
  [6, { width: 4, one: (view) => view.getFloat32(0, true), many: Float32Array }],
  [10, { width: 8, one: (view) => exact(view.getBigUint64(0, true)), many: BigUint64Array }],
  [11, { width: 8, one: (view) => exact(view.getBigInt64(0, true)), many: BigInt64Array }],
  [12, { width: 8, one: (view) => view.getFloat64(0, true), many: Float64Array }],
]);

/** A length-prefixed string. Only waits where its bytes are not there yet. */
const readString = async (bytes: ByteReader, what: string, limit?: number): Promise<string> => {
  if (bytes.buffered < 8) await bytes.ensure(8, what);
  const length = bytes.u64(`the length of ${what}`);
  if (limit !== undefined && length > limit) throw bytes.corrupt(`${what} is ${length} bytes long`);
  if (bytes.buffered < length) {
    bytes.expect(length, 1, `bytes of ${what}`);
    await bytes.ensure(length, what);
  }
  return bytes.text(length);
};

export const readName = (bytes: ByteReader, what: string): Promise<string> =>
  readString(bytes, what, MAX_NAME);

const readStrings = async (bytes: ByteReader, count: number, what: string): Promise<string[]> => {
  bytes.expect(count, LEAST_STRING, `strings in ${what}`);
  const strings: string[] = [];
  while (strings.length < count) {
    if (bytes.buffered < 8) await bytes.ensure(8, what);
    const length = bytes.u64(`the length of a string in ${what}`);
    if (bytes.buffered < length) {
      bytes.expect(length, 1, `bytes of a string in ${what}`);
      await bytes.ensure(length, what);
    }
    strings.push(bytes.text(length));
  }
  return strings;
};

const readBooleans = async (bytes: ByteReader, count: number, what: string): Promise<boolean[]> => {
  bytes.expect(count, 1, `booleans in ${what}`);
  await bytes.ensure(count, what);
  return Array.from(bytes.take(count), (byte) => {
    if (byte > 1) throw bytes.corrupt(`${what} holds ${byte} as a boolean`);
    return byte === 1;
  });
};

const readArray = async (bytes: ByteReader, what: string, depth: number): Promise<MetadataValue> => {
  if (depth > MAX_DEPTH) throw bytes.corrupt(`${what} nests arrays deeper than ${MAX_DEPTH}`);
  await bytes.ensure(LEAST_ARRAY, what);
  const type = bytes.u32();
  const count = bytes.u64(`the length of ${what}`);
  if (type === STRING) return readStrings(bytes, count, what);
  if (type === BOOL) return readBooleans(bytes, count, what);
  if (type === ARRAY) {
    bytes.expect(count, LEAST_ARRAY, `arrays in ${what}`);
    const arrays: MetadataValue[] = [];
    while (arrays.length < count) arrays.push(await readArray(bytes, what, depth + 1));
    return arrays;
  }
  const numeric = NUMERIC.get(type);
  if (!numeric) throw bytes.corrupt(`${what} is an array of values of type ${type}, which does not exist`);
  bytes.expect(count, numeric.width, `numbers in ${what}`);
  await bytes.ensure(count * numeric.width, what);
  return new numeric.many(bytes.take(count * numeric.width).slice().buffer);
};

const readValue = async (bytes: ByteReader, what: string): Promise<MetadataValue> => {
  await bytes.ensure(4, what);
  const type = bytes.u32();
  if (type === STRING) return readString(bytes, what);
  if (type === ARRAY) return readArray(bytes, what, 1);
  if (type === BOOL) return (await readBooleans(bytes, 1, what))[0]!;
  const numeric = NUMERIC.get(type);
  if (!numeric) throw bytes.corrupt(`${what} has a value of type ${type}, which does not exist`);
  await bytes.ensure(numeric.width, what);
  return numeric.one(bytes.view(numeric.width));
};

/** The `count` key/value pairs that follow. Keys are unique. */
export const readPairs = async (bytes: ByteReader, count: number): Promise<Map<string, MetadataValue>> => {
  bytes.expect(count, LEAST_PAIR, 'metadata pairs');
  if (count > MAX_PAIRS) throw bytes.corrupt(`it announces ${count} metadata pairs`);
  const pairs = new Map<string, MetadataValue>();
  while (pairs.size < count) {
    const key = await readName(bytes, 'a metadata key');
    if (pairs.has(key)) throw bytes.corrupt(`the metadata key "${key}" appears twice`);
    pairs.set(key, await readValue(bytes, `the metadata value "${key}"`));
  }
  return pairs;
};
