/** A symmetric matrix (n, n), row by row. */
type Square = Float64Array;

/** Rotations below this share of the diagonal change nothing that f32 shows. */
const SMALL = 1e-12;
const MOST_SWEEPS = 30;

/**
 * Eigenvalues and eigenvectors of a symmetric matrix by cyclic Jacobi rotations, greatest first: vectors[i · n + j] is
 * component j of vector i. `matrix` is used up.
 */
export const eigen = (matrix: Square, n: number): { values: Float64Array; vectors: Square } => {
  const a = matrix;
  const v = new Float64Array(n * n);
  for (let i = 0; i < n; i++) v[i * n + i] = 1;
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let [off, diagonal] = [0, 0];
    for (let i = 0; i < n; i++) {
      diagonal += a[i * n + i]! ** 2;
      for (let j = 0; j < i; j++) off += a[i * n + j]! ** 2;
    }
    if (off <= SMALL ** 2 * diagonal) break;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(a, v, n, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j * n + j]! - a[i * n + i]!);
  const vectors = new Float64Array(n * n);
  for (const [to, from] of order.entries()) vectors.set(v.subarray(from * n, (from + 1) * n), to * n);
  return { values: Float64Array.from(order, (i) => a[i * n + i]!), vectors };
};

/** Makes a[p][q] zero; rows of v are the eigenvectors so far. */
const rotate = (a: Square, v: Square, n: number, p: number, q: number): void => {
  const apq = a[p * n + q]!;
  if (apq === 0) return;
  const theta = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(1, theta));
  const c = 1 / Math.hypot(1, t);
  const s = t * c;
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p]!, a[k * n + q]!];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k]!, a[q * n + k]!];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [u, w] = [v[p * n + k]!, v[q * n + k]!];
    v[p * n + k] = c * u - s * w;
    v[q * n + k] = s * u + c * w;
  }
};

/** L of L · Lᵀ = matrix + a hair of its diagonal, lower triangular. */
const cholesky = (matrix: Square, n: number): Square => {
  const l = new Float64Array(n * n);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += matrix[i * n + i]!;
  const hair = Math.max((1e-9 * trace) / n, Number.MIN_VALUE);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j]! + (i === j ? hair : 0);
      for (let k = 0; k < j; k++) sum -= l[i * n + k]! * l[j * n + k]!;
      l[i * n + j] = i === j ? Math.sqrt(Math.max(sum, hair)) : sum / l[j * n + j]!;
    }
  }
  return l;
};

/** Two maps between n channels and `rank` of them. */
export interface Narrowing {
  /** (rank, n): what is stored of a value. */
  readonly down: Float64Array;
  /** (rank, n): row i is what stored channel i stands for. */
  readonly up: Float64Array;
  /** Share of the output's energy that is lost, 0 to 1. */
  readonly lost: number;
}

/**
 * The `rank` channels that keep most of what comes out of `out · value`, where `seen` = W · Wᵀ of the projection that makes
 * values and `read` = Oᵀ · O of the one that reads them, both (n, n): the truncated singular value decomposition of O · W,
 * which by Eckart and Young loses least, without ever making that product.
 */
export const narrowing = (seen: Square, read: Square, n: number, rank: number): Narrowing => {
  const l = cholesky(read, n);
  // C = Lᵀ · seen · L.
  const half = new Float64Array(n * n);
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = j; k < n; k++) sum += seen[i * n + k]! * l[k * n + j]!;
      half[i * n + j] = sum;
    }
  }
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = i; k < n; k++) sum += l[k * n + i]! * half[k * n + j]!;
      c[i * n + j] = sum;
    }
  }
  const { values, vectors } = eigen(c, n);
  const [down, up] = [new Float64Array(rank * n), new Float64Array(rank * n)];
  for (let i = 0; i < rank; i++) {
    const u = vectors.subarray(i * n, (i + 1) * n);
    // down = uᵀ · Lᵀ; up solves Lᵀ · x = u.
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k <= j; k++) sum += l[j * n + k]! * u[k]!;
      down[i * n + j] = sum;
    }
    for (let j = n - 1; j >= 0; j--) {
      let sum = u[j]!;
      for (let k = j + 1; k < n; k++) sum -= l[k * n + j]! * up[i * n + k]!;
      up[i * n + j] = sum / l[j * n + j]!;
    }
  }
  const total = values.reduce((sum, x) => sum + Math.max(0, x), 0);
  const left = values.subarray(0, rank).reduce((sum, x) => sum + Math.max(0, x), 0);
  return { down, up, lost: total > 0 ? 1 - left / total : 0 };
};
