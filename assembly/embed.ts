// One row of a packed table (lib/layout.ts) as f32: out (cols) = row `row`. Products of code and scale are exact; where
// there are minimums, their difference is rounded once.
import { curved } from './lib/codes';
import { f16ToF32 } from './lib/f16';
import {
  CURVED, factorBytes, FACTORS, grain, grainBytes, headBytes, IQ4_NL, IQ4_XS, MINIMUMS, NIBBLES, PLUS_4, PLUS_8, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0, scaleBytes, tileBytes,
} from './lib/formats';
import { RUN, TILE } from './lib/layout';

/** Scale or minimum number `output` of those at `at`. */
// @ts-ignore: decorator
@inline
function scaleOf(format: i32, at: usize, factor: f32, output: usize): f32 {
  return format & FACTORS ? factor * <f32>load<i8>(at + output) : f16ToF32(load<u16>(at + output * 2));
}

/** What a stored nibble stands for. */
// @ts-ignore: decorator
@inline
function meaning(format: i32, nibble: i32): i32 {
  if (format & CURVED) return curved(nibble);
  if (format & PLUS_8) return nibble - 8;
  return format & PLUS_4 ? nibble - 4 : nibble;
}

/** Code of input i of the grain of output number `output`; `codes`: those of the tile. */
// @ts-ignore: decorator
@inline
function codeOf(format: i32, codes: usize, output: usize, i: usize): i32 {
  const half = grain(format) / 2;
  const later = i >= half;
  if (later) i -= half;
  if (format & NIBBLES) {
    // Four bytes of an output lie together; in the plain build the second and third of them have changed places.
    const byte = ASC_FEATURE_RELAXED_SIMD ? i & 3 : ((i & 1) << 1) | ((i & 2) >> 1);
    const pair = <i32>load<u8>(codes + output * 4 + (i & ~3) * 16 + byte);
    return meaning(format, later ? pair >> 4 : pair & 15);
  }
  const at = codes + output * RUN + ((i / RUN) * 2 + usize(later)) * 16 * RUN + (i % RUN);
  return ASC_FEATURE_RELAXED_SIMD ? <i32>load<u8>(at) - 128 : <i32>load<i8>(at);
}

// @ts-ignore: decorator
@inline
function embedRow(format: i32, out: usize, packed: usize, row: usize, cols: usize): void {
  const output = row % TILE;
  const minimums = scaleBytes(format);
  let w = packed + (row / TILE) * tileBytes(format, cols);
  let factor: f32 = 0;
  let second: f32 = 0;
  for (let done: usize = 0; done < cols; done += grain(format)) {
    if (format & FACTORS && (done & 255) == 0) {
      factor = f16ToF32(load<u16>(w + output * 2));
      if (format & MINIMUMS) second = f16ToF32(load<u16>(w + 32 + output * 2));
      w += factorBytes(format);
    }
    const scale = scaleOf(format, w, factor, output);
    const least = format & MINIMUMS ? scaleOf(format, w + minimums, second, output) : 0;
    const codes = w + headBytes(format);
    for (let i: usize = 0; i < grain(format); ++i) {
      const product = scale * <f32>codeOf(format, codes, output, i);
      store<f32>(out + i * 4, format & MINIMUMS ? product - least : product);
    }
    out += grain(format) * 4;
    w += grainBytes(format);
  }
}

export function embedQ8_0(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q8_0, out, packed, row, cols);
}

export function embedQ4_0(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q4_0, out, packed, row, cols);
}

export function embedQ4_1(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q4_1, out, packed, row, cols);
}

export function embedQ5_1(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q5_1, out, packed, row, cols);
}

export function embedQ2_K(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q2_K, out, packed, row, cols);
}

export function embedQ3_K(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q3_K, out, packed, row, cols);
}

export function embedQ4_K(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q4_K, out, packed, row, cols);
}

export function embedQ5_K(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q5_K, out, packed, row, cols);
}

export function embedQ6_K(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(Q6_K, out, packed, row, cols);
}

export function embedIQ4_NL(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(IQ4_NL, out, packed, row, cols);
}

export function embedIQ4_XS(out: usize, packed: usize, row: usize, cols: usize): void {
  embedRow(IQ4_XS, out, packed, row, cols);
}

/** `rows`: those of the table; a table of one row is not packed. */
export function embedF32(out: usize, packed: usize, row: usize, cols: usize, rows: usize): void {
  const lanes: usize = rows == 1 ? 1 : TILE;
  const from = packed + ((row / TILE) * TILE * cols + (row % TILE)) * 4;
  for (let k: usize = 0; k < cols; ++k) store<u32>(out + k * 4, load<u32>(from + k * lanes * 4));
}

export function embedF16(out: usize, packed: usize, row: usize, cols: usize): void {
  const from = packed + ((row / TILE) * TILE * cols + (row % TILE)) * 2;
  for (let k: usize = 0; k < cols; ++k) store<f32>(out + k * 4, f16ToF32(load<u16>(from + k * TILE * 2)));
}

export function embedBF16(out: usize, packed: usize, row: usize, cols: usize): void {
  const from = packed + ((row / TILE) * TILE * cols + (row % TILE)) * 2;
  for (let k: usize = 0; k < cols; ++k) store<u32>(out + k * 4, <u32>load<u16>(from + k * TILE * 2) << 16);
}
