// out (rows, n) = x (rows, k) · wᵀ [+ bias], over packed weights and panels (lib/layout.ts). Tiles of 16 outputs are the
// outer loop, so that a tile of weights stays in the cache while all rows meet it; tiles [from, to) are computed, so
// that threads can share them.
import { Float } from './lib/float-tile';
import {
  IQ4_NL, IQ4_XS, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0, tileBytes,
} from './lib/formats';
import { GROUP, PANEL_BLOCK, TILE } from './lib/layout';
import { floatGroupOf, floatRowOf, quantisedGroupOf, quantisedRowOf, unpackOf } from './lib/tile';
import { unpackedBytes } from './lib/unpack';

/** Bytes of memory that a product with quantised weights of k inputs needs beside its own, if it has 4 rows or more. */
export function matmulSpare(k: usize): usize {
  return unpackedBytes(k);
}

/** Groups of rows × vectors v and v + 1 of the tile at w. */
// @ts-ignore: decorator
@inline
function groups(
  isFloat: bool, format: i32, panelRow: usize, target: usize, panel: usize, w: usize, rows: usize, v: usize,
  n: usize, k: usize, offsets: usize, outputs: i32, unpacked: usize,
): void {
  for (let left = rows; left >= GROUP; left -= GROUP) {
    if (isFloat) floatGroupOf(format, target, n * 4, panel, w, v, k, offsets, outputs);
    else quantisedGroupOf(format, target, n * 4, panel, w, v, k, offsets, outputs, unpacked);
    panel += GROUP * panelRow;
    target += GROUP * n * 4;
  }
}

// @ts-ignore: decorator
@inline
function tiles(
  isFloat: bool, format: i32, panelRow: usize, bytes: usize, out: usize, panels: usize, weights: usize, rows: usize,
  n: usize, k: usize, bias: usize, from: usize, to: usize, spare: usize,
): void {
  const grouped = rows - (rows % GROUP);
  for (let tile = from; tile < to; ++tile) {
    const w = weights + tile * bytes;
    const offsets = bias ? bias + tile * TILE * 4 : 0;
    const outputs = <i32>(n - tile * TILE);
    let panel = panels;
    let target = out + tile * TILE * 4;
    if (!isFloat && !ASC_FEATURE_RELAXED_SIMD) {
      // Half of the tile meets all groups: so much of it, unpacked, and a group stay in the first cache.
      for (let v: usize = 0; v < 4 && <i32>v * 4 < outputs && grouped; v += 2) {
        unpackOf(format, spare, w, v, k);
        groups(isFloat, format, panelRow, target, panel, w, rows, v, n, k, offsets, outputs, spare);
      }
      panel += grouped * panelRow;
      target += grouped * n * 4;
    } else {
      for (let row: usize = 0; row < grouped; row += GROUP) {
        for (let v: usize = 0; v < 4 && <i32>v * 4 < outputs; v += 2) {
          groups(isFloat, format, panelRow, target, panel, w, GROUP, v, n, k, offsets, outputs, 0);
        }
        panel += GROUP * panelRow;
        target += GROUP * n * 4;
      }
    }
    for (let row = grouped; row < rows; ++row) {
      if (isFloat) floatRowOf(format, target, panel, w, k, offsets, outputs);
      else quantisedRowOf(format, target, panel, w, k, offsets, outputs);
      panel += panelRow;
      target += n * 4;
    }
  }
}

/** Panels of `panelsQ8`; `bias` is an address or 0; `spare`: `matmulSpare` bytes, or anything where there are fewer rows. */
// @ts-ignore: decorator
@inline
function quantised(
  format: i32, out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  tiles(
    false, format, (k >>> 5) * PANEL_BLOCK, tileBytes(format, k), out, panels, w, rows, n, k, bias, from, to, spare,
  );
}

/** Weights of more than one row, panels of `panelsF32`; `bias` is an address or 0. */
// @ts-ignore: decorator
@inline
function floats(
  type: Float, out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  tiles(true, type, k * 4, k * TILE * (type == Float.F32 ? 4 : 2), out, panels, w, rows, n, k, bias, from, to, 0);
}

export function matmulQ8_0(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q8_0, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ4_0(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q4_0, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ4_1(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q4_1, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ5_1(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q5_1, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ2_K(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q2_K, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ3_K(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q3_K, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ4_K(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q4_K, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ5_K(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q5_K, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulQ6_K(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(Q6_K, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulIQ4_NL(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(IQ4_NL, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulIQ4_XS(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
  spare: usize,
): void {
  quantised(IQ4_XS, out, panels, w, rows, n, k, bias, from, to, spare);
}

export function matmulF32(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  floats(Float.F32, out, panels, w, rows, n, k, bias, from, to);
}

export function matmulF16(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  floats(Float.F16, out, panels, w, rows, n, k, bias, from, to);
}

export function matmulBF16(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  floats(Float.BF16, out, panels, w, rows, n, k, bias, from, to);
}

/** F32 weights of one row, which are not packed: out (rows, 1) = x (rows, k) · wᵀ [+ bias]. */
export function matmulVector(out: usize, x: usize, w: usize, rows: usize, k: usize, bias: usize): void {
  for (let row: usize = 0; row < rows; ++row) {
    let sum: f32 = 0;
    for (let at: usize = 0; at < k * 4; at += 4) sum += load<f32>(x + at) * load<f32>(w + at);
    store<f32>(out + row * 4, bias ? sum + load<f32>(bias) : sum);
    x += k * 4;
  }
}
