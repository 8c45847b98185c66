// One function for each format and kind of tile: inlined into the loops of `matmul` they would share one set of registers.
import { Float, floatGroup, floatRow } from './float-tile';
import {
  IQ4_NL, IQ4_XS, Q2_K, Q3_K, Q4_0, Q4_1, Q4_K, Q5_1, Q5_K, Q6_K, Q8_0,
} from './formats';
import { quantisedGroup, quantisedRow } from './quantised-tile';
import { unpack } from './unpack';

function groupQ8_0(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q8_0, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ8_0(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q8_0, out, panel, w, k, bias, outputs);
}
function groupQ4_0(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q4_0, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ4_0(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q4_0, out, panel, w, k, bias, outputs);
}
function groupQ4_1(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q4_1, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ4_1(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q4_1, out, panel, w, k, bias, outputs);
}
function groupQ5_1(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q5_1, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ5_1(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q5_1, out, panel, w, k, bias, outputs);
}
function groupQ2_K(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q2_K, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ2_K(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q2_K, out, panel, w, k, bias, outputs);
}
function groupQ3_K(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q3_K, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ3_K(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q3_K, out, panel, w, k, bias, outputs);
}
function groupQ4_K(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q4_K, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ4_K(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q4_K, out, panel, w, k, bias, outputs);
}
function groupQ5_K(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q5_K, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ5_K(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q5_K, out, panel, w, k, bias, outputs);
}
function groupQ6_K(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(Q6_K, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowQ6_K(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(Q6_K, out, panel, w, k, bias, outputs);
}
function groupIQ4_NL(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(IQ4_NL, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowIQ4_NL(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(IQ4_NL, out, panel, w, k, bias, outputs);
}
function groupIQ4_XS(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32, unpacked: usize,
): void {
  quantisedGroup(IQ4_XS, out, stride, panel, w, v, k, bias, outputs, unpacked);
}
function rowIQ4_XS(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  quantisedRow(IQ4_XS, out, panel, w, k, bias, outputs);
}
function groupF32(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  floatGroup(Float.F32, out, stride, panel, w, v, k, bias, outputs);
}
function rowF32(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  floatRow(Float.F32, out, panel, w, k, bias, outputs);
}
function groupF16(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  floatGroup(Float.F16, out, stride, panel, w, v, k, bias, outputs);
}
function rowF16(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  floatRow(Float.F16, out, panel, w, k, bias, outputs);
}
function groupBF16(
  out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  floatGroup(Float.BF16, out, stride, panel, w, v, k, bias, outputs);
}
function rowBF16(out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32): void {
  floatRow(Float.BF16, out, panel, w, k, bias, outputs);
}

/** Four rows × vectors v and v + 1 of the tile at w. */
// @ts-ignore: decorator
@inline
export function quantisedGroupOf(
  format: i32, out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
  unpacked: usize,
): void {
  if (format == Q8_0) groupQ8_0(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q4_0) groupQ4_0(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q4_1) groupQ4_1(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q5_1) groupQ5_1(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q2_K) groupQ2_K(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q3_K) groupQ3_K(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q4_K) groupQ4_K(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q5_K) groupQ5_K(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == Q6_K) groupQ6_K(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else if (format == IQ4_NL) groupIQ4_NL(out, stride, panel, w, v, k, bias, outputs, unpacked);
  else groupIQ4_XS(out, stride, panel, w, v, k, bias, outputs, unpacked);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function quantisedRowOf(
  format: i32, out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32,
): void {
  if (format == Q8_0) rowQ8_0(out, panel, w, k, bias, outputs);
  else if (format == Q4_0) rowQ4_0(out, panel, w, k, bias, outputs);
  else if (format == Q4_1) rowQ4_1(out, panel, w, k, bias, outputs);
  else if (format == Q5_1) rowQ5_1(out, panel, w, k, bias, outputs);
  else if (format == Q2_K) rowQ2_K(out, panel, w, k, bias, outputs);
  else if (format == Q3_K) rowQ3_K(out, panel, w, k, bias, outputs);
  else if (format == Q4_K) rowQ4_K(out, panel, w, k, bias, outputs);
  else if (format == Q5_K) rowQ5_K(out, panel, w, k, bias, outputs);
  else if (format == Q6_K) rowQ6_K(out, panel, w, k, bias, outputs);
  else if (format == IQ4_NL) rowIQ4_NL(out, panel, w, k, bias, outputs);
  else rowIQ4_XS(out, panel, w, k, bias, outputs);
}

/** Four rows × vectors v and v + 1 of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatGroupOf(
  type: Float, out: usize, stride: usize, panel: usize, w: usize, v: usize, k: usize, bias: usize, outputs: i32,
): void {
  if (type == Float.F32) groupF32(out, stride, panel, w, v, k, bias, outputs);
  else if (type == Float.F16) groupF16(out, stride, panel, w, v, k, bias, outputs);
  else groupBF16(out, stride, panel, w, v, k, bias, outputs);
}

/** One row × the 16 outputs of the tile at w. */
// @ts-ignore: decorator
@inline
export function floatRowOf(
  type: Float, out: usize, panel: usize, w: usize, k: usize, bias: usize, outputs: i32,
): void {
  if (type == Float.F32) rowF32(out, panel, w, k, bias, outputs);
  else if (type == Float.F16) rowF16(out, panel, w, k, bias, outputs);
  else rowBF16(out, panel, w, k, bias, outputs);
}

/** Vectors v and v + 1 of the tile at w to `to`, as `quantisedGroupOf` takes them. */
// @ts-ignore: decorator
@inline
export function unpackOf(format: i32, to: usize, w: usize, v: usize, k: usize): void {
  unpack(format, to, w, v, k);
}
