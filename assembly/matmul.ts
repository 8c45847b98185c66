// out (rows, n) = x (rows, k) · wᵀ [+ bias], over packed weights and panels (lib/layout.ts). Tiles of 16 outputs are the
// outer loop, so that a tile of weights stays in the cache while all rows meet it; tiles [from, to) are computed, so
// that threads can share them.
import { GROUP, PANEL_BLOCK, Q4_BYTES, Q8_BYTES, TILE } from './lib/layout';
import { floatGroup, floatRow, quantisedGroup, quantisedRow } from './lib/tile';

// Each tile is a function of its own: inlined into the loops below they would share one set of registers.
function groupQ8(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  quantisedGroup(true, out, stride, panel, w, v, k, bias, outputs);
}
function groupQ4(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  quantisedGroup(false, out, stride, panel, w, v, k, bias, outputs);
}
function groupF32(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  floatGroup(out, stride, panel, w, v, k, bias, outputs);
}
function rowQ8(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(true, out, panel, w, k, bias, outputs);
}
function rowQ4(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(false, out, panel, w, k, bias, outputs);
}
function rowF32(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  floatRow(out, panel, w, k, bias, outputs);
}

const enum Type {
  Q8,
  Q4,
  F32,
}

// @ts-ignore: decorator
@inline
function tiles(
  type: Type, panelRow: usize, tileBytes: usize, out: usize, panels: usize, weights: usize, rows: usize, n: usize,
  k: usize, bias: usize, from: usize, to: usize,
): void {
  for (let tile = from; tile < to; ++tile) {
    const w = weights + tile * tileBytes;
    const offsets = bias ? bias + tile * TILE * 4 : 0;
    const outputs = <i32>(n - tile * TILE);
    let panel = panels;
    let target = out + tile * TILE * 4;
    let left = rows;
    for (; left >= GROUP; left -= GROUP) {
      for (let v: usize = 0; v < 4 && <i32>v * 4 < outputs; v += 2) {
        if (type == Type.Q8) groupQ8(target, n * 4, panel, w, v, k, offsets, outputs);
        else if (type == Type.Q4) groupQ4(target, n * 4, panel, w, v, k, offsets, outputs);
        else groupF32(target, n * 4, panel, w, v, k, offsets, outputs);
      }
      panel += GROUP * panelRow;
      target += GROUP * n * 4;
    }
    for (; left > 0; --left) {
      if (type == Type.Q8) rowQ8(target, panel, w, k, offsets, outputs);
      else if (type == Type.Q4) rowQ4(target, panel, w, k, offsets, outputs);
      else rowF32(target, panel, w, k, offsets, outputs);
      panel += panelRow;
      target += n * 4;
    }
  }
}

/** Q8_0 weights, panels of `panelsQ8_0`; `bias` is an address or 0. */
export function matmulQ8_0(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  const blocks = k >>> 5;
  tiles(Type.Q8, blocks * PANEL_BLOCK, blocks * Q8_BYTES, out, panels, w, rows, n, k, bias, from, to);
}

/** Q4_0 weights, panels of `panelsQ4_0`; `bias` is an address or 0. */
export function matmulQ4_0(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  const blocks = k >>> 5;
  tiles(Type.Q4, blocks * PANEL_BLOCK, blocks * Q4_BYTES, out, panels, w, rows, n, k, bias, from, to);
}

/** F32 weights of more than one row, panels of `panelsF32`; `bias` is an address or 0. */
export function matmulF32(
  out: usize, panels: usize, w: usize, rows: usize, n: usize, k: usize, bias: usize, from: usize, to: usize,
): void {
  tiles(Type.F32, k * 4, k * TILE * 4, out, panels, w, rows, n, k, bias, from, to);
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
