import { LonghandError } from '../errors.js';

/** Bytes that a header may take: far above any real one. */
const HEADER_LIMIT = 1 << 20;
/** Bytes of a number of each type that is read here. */
const WIDTHS: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

/** A file of named tensors that has been checked. */
export interface Safetensors {
  /** What its maker wrote beside them. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly names: readonly string[];
  /** Throws `model/corrupt` where it is not there. */
  shapeOf(name: string): readonly number[];
  /** Its numbers in f32, all finite. Throws `model/corrupt` where there is no such tensor of this shape. */
  read(name: string, shape: readonly number[]): Float32Array<ArrayBuffer>;
}

interface Entry {
  readonly type: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

const isCount = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
const isObject = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && !Array.isArray(x);

/** A number in 16 bits: `F16`, or the upper half of an f32. */
const wide = (bits: number, type: string, scratch: DataView): number => {
  if (type === 'BF16') {
    scratch.setUint32(0, bits << 16);
    return scratch.getFloat32(0);
  }
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + fraction / 1024) : sign * 2 ** -24 * fraction;
};

/**
 * Reads a safetensors file (a u64 length, a JSON header, the numbers), as little trusted as any download: every length and
 * offset is checked before it is used. `label` names it in errors. Types F32, F16 and BF16. Throws `model/corrupt`, and
 * `unsupported/tensor-type` for other types.
 */
export const parseSafetensors = (bytes: Uint8Array, label: string): Safetensors => {
  const corrupt = (what: string): LonghandError =>
    new LonghandError(
      'model/corrupt',
      `${label} is not a usable safetensors file: ${what}. Make or download it again.`,
      { source: label },
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 8) throw corrupt(`it has ${bytes.byteLength} bytes`);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  const start = 8 + length;
  if (length > HEADER_LIMIT || start > bytes.byteLength)
    throw corrupt(`its header announces ${length} bytes, of ${bytes.byteLength - 8}`);
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    throw corrupt('its header is no JSON');
  }
  if (!isObject(header)) throw corrupt('its header is no object');

  const room = bytes.byteLength - start;
  const metadata = new Map<string, string>();
  const entries = new Map<string, Entry>();
  for (const [name, found] of Object.entries(header)) {
    if (!isObject(found)) throw corrupt(`${JSON.stringify(name)} is no tensor`);
    if (name === '__metadata__') {
      for (const [key, value] of Object.entries(found)) metadata.set(key, String(value));
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = found;
    const [from, to] = Array.isArray(offsets) && offsets.length === 2 ? offsets : [];
    const placed = isCount(from) && isCount(to) && from <= to && to <= room;
    if (typeof dtype !== 'string' || !Array.isArray(shape) || !shape.every(isCount) || !placed)
      throw corrupt(`the entry of ${JSON.stringify(name)} makes no sense`);
    entries.set(name, { type: dtype, shape, from, to });
  }

  const entryOf = (name: string): Entry => {
    const entry = entries.get(name);
    if (!entry) throw corrupt(`it has no tensor ${JSON.stringify(name)}`);
    return entry;
  };
  return {
    metadata,
    names: [...entries.keys()],
    shapeOf: (name) => entryOf(name).shape,
    read(name, shape) {
      const entry = entryOf(name);
      const width = WIDTHS[entry.type];
      if (width === undefined) {
        throw new LonghandError(
          'unsupported/tensor-type',
          `${JSON.stringify(name)} in ${label} is of type ${JSON.stringify(entry.type)}. Write it as F32, F16 or BF16.`,
          { source: label, type: entry.type },
        );
      }
      const count = shape.reduce((product, n) => product * n, 1);
      if (entry.shape.length !== shape.length || entry.shape.some((n, i) => n !== shape[i]))
        throw corrupt(`${JSON.stringify(name)} is (${entry.shape.join(', ')}), not (${shape.join(', ')})`);
      if (entry.to - entry.from !== count * width)
        throw corrupt(`${JSON.stringify(name)} has ${entry.to - entry.from} bytes, not ${count * width}`);
      const scratch = new DataView(new ArrayBuffer(4));
      const out = new Float32Array(count);
      for (let i = 0; i < count; i++) {
        const at = start + entry.from + i * width;
        out[i] =
          width === 4 ? view.getFloat32(at, true) : wide(view.getUint16(at, true), entry.type, scratch);
        if (!Number.isFinite(out[i])) throw corrupt(`${JSON.stringify(name)} holds what is no number`);
      }
      return out;
    },
  };
};
