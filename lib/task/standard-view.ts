import {
  labelsOnGrid,
  type MaskVolume,
  type Orientation,
  reorient,
  reorientGrid,
  restoreOrientation,
  type Volume,
  type VoxelArray,
} from '../image/index.js';

/**
 * How tasks lay volumes before they cut them, as slice stores do: the place of an organ means something only if left
 * is left in every example. Axis 0 runs to the left, 1 to the back, 2 to the head.
 */
const STANDARD: Orientation = 'LPS';

/** The volume in the standard orientation; nothing is interpolated. */
export function standardView(volume: Volume): Volume {
  return reorient(volume, STANDARD);
}

/** The grid of the standard view; no voxel is moved for it. */
export function standardGrid(volume: Volume): Pick<Volume, 'shape' | 'spacing'> {
  return reorientGrid(volume, STANDARD);
}

/** Labels of a volume; an affine of their own may place them in space. */
interface Labels {
  readonly data: Uint8Array;
  readonly shape: readonly [number, number, number];
  readonly affine?: Volume['affine'];
}

/** A label volume on its image's grid, turned where an affine of its own says that it lies otherwise. */
export function labelsLike(labels: Labels, image: Volume): Volume & Labels {
  const { spacing, affine } = image;
  return labelsOnGrid({ ...labels, frames: 1, spacing, affine: labels.affine ?? affine }, image);
}

/** Labels on their image's grid, voxel for voxel, in the standard orientation. */
export function standardLabels(
  { data, shape }: Pick<Labels, 'data' | 'shape'>,
  { spacing, affine }: Volume,
): Pick<Labels, 'data' | 'shape'> {
  const turned = reorient({ data, shape, frames: 1, spacing, affine }, STANDARD);
  return { data: turned.data, shape: turned.shape };
}

/** Values of the standard view, back on the volume's own grid. */
export function onOwnGrid<T extends VoxelArray>(data: T, shape: MaskVolume['shape'], original: Volume): T {
  return restoreOrientation({ data, shape }, original, STANDARD).data as T;
}
