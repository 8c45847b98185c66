// A query as sketches are asked: what one row of q becomes before it meets them.
import { hadamard } from './hadamard';
import { quantizeQuery } from './query';
import { headroom, lookups } from './sketch';

// A query in scratch: codes i16 (dim), table i8 (dim / 4, 16), then what a code of the centre's sum and a step of the
// table's are worth, f32 each, and 8 bytes.

// @ts-ignore: decorator
@inline
export function queryBytes(dim: i32): usize {
  return <usize>(6 * dim + 16);
}

/** Bytes of scratch of `firstLogits` and `namedLogits` for `group` queries. */
export function logitsScratch(group: i32, dim: i32): usize {
  return <usize>(group + 1) * queryBytes(dim);
}

/** out = the query as sketches are asked. spare: dim f32. */
export function prepare(out: usize, q: usize, dim: i32, scale: f32, spare: usize): void {
  memory.copy(spare, q, <usize>dim << 2);
  hadamard(spare, dim);
  const table = out + (<usize>dim << 1);
  const worth = out + <usize>(6 * dim);
  const room: f32 = 2 / <f32>(1 << headroom(dim));
  store<f32>(worth, quantizeQuery(out, spare, dim) * scale);
  store<f32>(worth, lookups(table, spare, dim) * scale * room, 4);
}
