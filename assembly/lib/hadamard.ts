// Orthonormal Walsh-Hadamard transform, in place: the rotation of stored keys (QuaRot, arXiv 2404.00456).

/** Largest power of two that divides `dim`: the width of one rotated block. */
// @ts-ignore: decorator
@inline
export function hadamardWidth(dim: i32): i32 {
  return dim & -dim;
}

/**
 * vector (dim) f32, dim a multiple of 16, any alignment. Each block of `hadamardWidth(dim)` channels is rotated by
 * itself; applied twice it gives the vector back. Butterflies run from stride 1 up and the factor 1/√width comes last:
 * src/codecs/hadamard.ts does the same additions in the same order and gets the same bits.
 */
export function hadamard(vector: usize, dim: i32): void {
  const width = hadamardWidth(dim);
  const norm = f32x4.splat(<f32>(1.0 / sqrt<f64>(<f64>width)));
  const end = vector + (<usize>dim << 2);
  // Strides 1 and 2 stay inside one vector of four.
  for (let p = vector; p < end; p += 16) {
    let x = v128.load(p);
    let y = v128.shuffle<f32>(x, x, 1, 0, 3, 2);
    x = v128.shuffle<f32>(f32x4.add(x, y), f32x4.sub(y, x), 0, 5, 2, 7);
    y = v128.shuffle<f32>(x, x, 2, 3, 0, 1);
    v128.store(p, v128.shuffle<f32>(f32x4.add(x, y), f32x4.sub(y, x), 0, 1, 6, 7));
  }
  for (let stride: usize = 16; stride < <usize>width << 2; stride <<= 1) {
    for (let p = vector; p < end; p += stride << 1) {
      for (let a = p; a < p + stride; a += 16) {
        const x = v128.load(a);
        const y = v128.load(a + stride);
        v128.store(a, f32x4.add(x, y));
        v128.store(a + stride, f32x4.sub(x, y));
      }
    }
  }
  for (let p = vector; p < end; p += 16) v128.store(p, f32x4.mul(v128.load(p), norm));
}
