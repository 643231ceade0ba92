import type { Volumes } from './scores.js';

/** The grid that two masks share, as the native side takes it. */
export interface MaskGrid {
  /** Two or three sizes, the fastest axis first. */
  readonly shape: readonly number[];
  /** As long as `shape`; all 1 where nobody knows. */
  readonly spacing: readonly number[];
  readonly unit: 'mm' | 'px';
  /** What one voxel adds to a volume. */
  readonly voxel: number;
  readonly volumeUnit: Volumes['unit'];
}

/** The grid of a picture; `spacing` is that from row to row and from column to column. */
export function pictureGrid(
  width: number,
  height: number,
  spacing: readonly [row: number, column: number] | null,
): MaskGrid {
  const [row, column] = spacing ?? [1, 1];
  return {
    shape: [width, height],
    spacing: [column, row],
    unit: spacing === null ? 'px' : 'mm',
    voxel: row * column,
    volumeUnit: spacing === null ? 'px' : 'mm2',
  };
}

/**
 * The grid of a volume. Axes of one voxel are no axes, as long as two are left: a volume of one slice has no surface
 * above and below, and is scored as the picture that it is.
 */
export function volumeGrid(
  shape: readonly [number, number, number],
  spacing: readonly [number, number, number] | null,
): MaskGrid {
  const sizes = spacing ?? [1, 1, 1];
  const kept = [0, 1, 2].filter((axis) => shape[axis]! > 1);
  for (let axis = 0; kept.length < 2; axis++) if (!kept.includes(axis)) kept.push(axis);
  kept.sort();
  return {
    shape: kept.map((axis) => shape[axis]!),
    spacing: kept.map((axis) => sizes[axis]!),
    unit: spacing === null ? 'px' : 'mm',
    voxel: spacing === null ? 1 : (sizes[0] * sizes[1] * sizes[2]) / 1000,
    volumeUnit: spacing === null ? 'px' : 'ml',
  };
}
