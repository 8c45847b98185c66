import { expect, test } from 'vitest';
import { eigen, narrowing } from '../../src/weights/low-rank.js';
import { random } from '../support/random.js';

const N = 24;
const next = random(11);
const someMatrix = (rows: number): Float64Array => Float64Array.from(next.normals(rows * N));
/** mᵀ · m. */
const gram = (m: Float64Array, rows: number): Float64Array => {
  const out = new Float64Array(N * N);
  for (let r = 0; r < rows; r++) {
    for (let i = 0; i < N; i++) for (let j = 0; j < N; j++) out[i * N + j]! += m[r * N + i]! * m[r * N + j]!;
  }
  return out;
};

test('eigenvectors are orthonormal, in order, and give the matrix back', () => {
  for (const matrix of [gram(someMatrix(40), 40), gram(someMatrix(5), 5), new Float64Array(N * N)]) {
    const { values, vectors } = eigen(matrix.slice(), N);
    expect([...values]).toEqual([...values].sort((a, b) => b - a));
    for (let i = 0; i < N; i++) {
      for (let j = 0; j < N; j++) {
        let [dot, entry] = [0, 0];
        for (let k = 0; k < N; k++) {
          dot += vectors[i * N + k]! * vectors[j * N + k]!;
          entry += values[k]! * vectors[k * N + i]! * vectors[k * N + j]!;
        }
        expect(dot).toBeCloseTo(Number(i === j), 9);
        expect(entry).toBeCloseTo(matrix[i * N + j]!, 8);
      }
    }
  }
});

/** ‖O · (1 − up ᵀ· down) · W‖² by its definition. `values` (n, width) is W; `reads` (rows, n) is O. */
const energyLost = (
  values: Float64Array,
  reads: Float64Array,
  rows: number,
  { down, up }: { down: Float64Array; up: Float64Array },
): { lost: number; all: number } => {
  let [lost, all] = [0, 0];
  const width = values.length / N;
  for (let c = 0; c < width; c++) {
    const value = Array.from({ length: N }, (_, j) => values[j * width + c]!);
    const rebuilt = new Float64Array(N);
    for (let i = 0; i < down.length / N; i++) {
      const code = value.reduce((sum, x, j) => sum + down[i * N + j]! * x, 0);
      for (let j = 0; j < N; j++) rebuilt[j]! += code * up[i * N + j]!;
    }
    for (let r = 0; r < rows; r++) {
      const dot = (x: ArrayLike<number>): number =>
        Array.from({ length: N }, (_, j) => reads[r * N + j]! * x[j]!).reduce((a, b) => a + b);
      lost += (dot(value) - dot(rebuilt)) ** 2;
      all += dot(value) ** 2;
    }
  }
  return { lost, all };
};

test('what a narrowing loses is the discarded singular energy, and nothing at full rank', () => {
  const width = 30;
  const values = someMatrix(width);
  const wide = new Float64Array(N * width);
  for (let c = 0; c < width; c++) for (let j = 0; j < N; j++) wide[j * width + c] = values[c * N + j]!;
  const reads = someMatrix(50);
  // The first channels weigh more where they are read.
  for (let i = 0; i < reads.length; i++) reads[i]! *= 1 / (1 + (i % N));
  for (const rank of [1, 8, 16, N]) {
    const found = narrowing(gram(values, width), gram(reads, 50), N, rank);
    const { lost, all } = energyLost(wide, reads, 50, found);
    expect(found.lost).toBeCloseTo(lost / all, 7);
    if (rank === N) expect(lost / all).toBeLessThan(1e-9);
    // Keeping the first channels as they are, without a look at what is in them, loses more.
    const plain = new Float64Array(rank * N);
    for (let i = 0; i < rank; i++) plain[i * N + i] = 1;
    if (rank < N) expect(energyLost(wide, reads, 50, { down: plain, up: plain }).lost).toBeGreaterThan(lost);
  }
});
