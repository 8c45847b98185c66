import { LonghandError } from '../errors.js';
import type { GgmlTypeName } from './tensor-types.js';

/** Numbers of a metadata array, as wide as the file stores them. */
export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** A metadata value. 64-bit integers that no number holds exactly stay bigints. */
export type MetadataValue =
  | number
  | bigint
  | boolean
  | string
  | NumberArray
  | BigUint64Array
  | BigInt64Array
  | readonly MetadataValue[];

/**
 * The key/value pairs of a model file. A getter throws `model/corrupt` where the key is missing and no fallback was
 * given, and where the value is of another type, fallback or not.
 */
export interface Metadata {
  has(key: string): boolean;
  /** Whether there is a list under the key, of whatever. */
  isList(key: string): boolean;
  keys(): IterableIterator<string>;
  /** Any integer or float that a number holds exactly. */
  number(key: string, fallback?: number): number;
  string(key: string, fallback?: string): string;
  boolean(key: string, fallback?: boolean): boolean;
  strings(key: string, fallback?: readonly string[]): readonly string[];
  numbers(key: string, fallback?: NumberArray): NumberArray;
  /** A list of booleans, which some files write as numbers: 0 is false. */
  flags(key: string): readonly boolean[];
}

/** Where a tensor lies. A GGUF shape (cols, rows, …) is flattened to rows of `cols` elements; 1-D tensors are one row. */
export interface TensorEntry {
  readonly name: string;
  readonly type: GgmlTypeName;
  readonly rows: number;
  readonly cols: number;
  /** Dimensions in the file (1–4). */
  readonly dims: number;
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

/** The head of a GGUF file: everything but the tensors' content. */
export interface Gguf {
  readonly version: number;
  readonly metadata: Metadata;
  /** In file order of their content. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** From the start of the file to the end of its last tensor. */
  readonly bytes: number;
}

const describe = (value: MetadataValue | undefined): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${typeof value[0]}s`;
  if (ArrayBuffer.isView(value)) return 'an array of numbers';
  return typeof value === 'bigint' ? `the integer ${value}` : `a ${typeof value}`;
};

const asNumbers = (value: MetadataValue): NumberArray | undefined => {
  if (!ArrayBuffer.isView(value)) return undefined;
  if (!(value instanceof BigUint64Array || value instanceof BigInt64Array)) return value;
  const numbers = Float64Array.from(value as Iterable<bigint>, Number);
  return numbers.every(Number.isSafeInteger) ? numbers : undefined;
};

const isStrings = (value: MetadataValue): value is readonly string[] =>
  Array.isArray(value) && (value.length === 0 || typeof value[0] === 'string');

const asFlags = (value: MetadataValue): readonly boolean[] | undefined => {
  if (Array.isArray(value) && value.every((one) => typeof one === 'boolean')) return value;
  const numbers = asNumbers(value);
  return numbers && Array.from(numbers, (one) => one !== 0);
};

/** Typed getters over the pairs of a file. `label` names the file in errors. */
export const createMetadata = (pairs: ReadonlyMap<string, MetadataValue>, label = 'The model'): Metadata => {
  const get = <T>(
    key: string,
    expected: string,
    read: (value: MetadataValue) => T | undefined,
    fallback: T | undefined,
  ): T => {
    const value = pairs.get(key);
    if (value === undefined && fallback !== undefined) return fallback;
    const found = value === undefined ? undefined : read(value);
    if (found !== undefined) return found;
    throw new LonghandError(
      'model/corrupt',
      `${label} must have ${expected} under the metadata key "${key}"; found ${describe(value)}. ` +
        'Convert or download the model again.',
      { key, expected, found: describe(value) },
    );
  };
  return {
    has: (key) => pairs.has(key),
    isList: (key) => Array.isArray(pairs.get(key)) || ArrayBuffer.isView(pairs.get(key)),
    keys: () => pairs.keys(),
    number: (key, fallback) =>
      get(key, 'a number', (value) => (typeof value === 'number' ? value : undefined), fallback),
    string: (key, fallback) =>
      get(key, 'a string', (value) => (typeof value === 'string' ? value : undefined), fallback),
    boolean: (key, fallback) =>
      get(key, 'a boolean', (value) => (typeof value === 'boolean' ? value : undefined), fallback),
    strings: (key, fallback) =>
      get(key, 'an array of strings', (value) => (isStrings(value) ? value : undefined), fallback),
    numbers: (key, fallback) => get(key, 'an array of numbers', asNumbers, fallback),
    flags: (key) => get(key, 'an array of booleans', asFlags, undefined),
  };
};
