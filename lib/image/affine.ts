import type { Affine } from './types.js';

export type Vector3 = readonly [number, number, number];

/** Column c of an affine's 3 x 3 part: the step in millimetres from voxel to voxel along axis c. */
export function affineColumn(affine: Affine, c: 0 | 1 | 2): Vector3 {
  return [affine[c]!, affine[4 + c]!, affine[8 + c]!];
}

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function norm(a: Vector3): number {
  return Math.hypot(a[0], a[1], a[2]);
}

/** Millimetres along i, j, k: the norms of the columns. */
export function affineSpacing(affine: Affine): Vector3 {
  return [norm(affineColumn(affine, 0)), norm(affineColumn(affine, 1)), norm(affineColumn(affine, 2))];
}

/** Determinant of the 3 x 3 part; negative for left-handed grids. */
export function affineDeterminant(affine: Affine): number {
  return dot(affineColumn(affine, 0), cross(affineColumn(affine, 1), affineColumn(affine, 2)));
}

/** The largest |cosine| between two axes: 0 for a rectangular grid, more for a sheared one. */
export function affineShear(affine: Affine): number {
  const axes = ([0, 1, 2] as const).map((c) => affineColumn(affine, c));
  let worst = 0;
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const length = norm(axes[a]!) * norm(axes[b]!);
    if (length > 0) worst = Math.max(worst, Math.abs(dot(axes[a]!, axes[b]!)) / length);
  }
  return worst;
}

/** The largest distance in millimetres between where two affines put a corner voxel of a grid. */
export function cornersApart(a: Affine, b: Affine, shape: readonly number[]): number {
  let most = 0;
  for (let corner = 0; corner < 8; corner++) {
    const [i = 0, j = 0, k = 0] = shape.map((size, axis) => ((corner >> axis) & 1) * (size - 1));
    const [p, q] = [applyAffine(a, [i, j, k]), applyAffine(b, [i, j, k])];
    most = Math.max(most, norm([p[0] - q[0], p[1] - q[1], p[2] - q[2]]));
  }
  return most;
}

/** World coordinates (millimetres, RAS+) of a voxel. */
export function applyAffine(affine: Affine, [i, j, k]: Vector3): Vector3 {
  const row = (r: number): number =>
    affine[r]! * i + affine[r + 1]! * j + affine[r + 2]! * k + affine[r + 3]!;
  return [row(0), row(4), row(8)];
}
