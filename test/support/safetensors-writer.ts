export interface WrittenTensor {
  readonly shape: readonly number[];
  /** Numbers in f32, or bits of f16. */
  readonly values: Float32Array | Uint16Array;
}

/** A safetensors file. */
export const writeSafetensors = (
  tensors: ReadonlyMap<string, WrittenTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> => {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let at = 0;
  for (const [name, { shape, values }] of tensors) {
    entries[name] = {
      dtype: values.BYTES_PER_ELEMENT === 2 ? 'F16' : 'F32',
      shape,
      data_offsets: [at, (at += values.byteLength)],
    };
  }
  const text = JSON.stringify(entries);
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const out = new Uint8Array(8 + header.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  at = 8 + header.length;
  for (const { values } of tensors.values()) {
    out.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return out;
};
