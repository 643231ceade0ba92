import { affineSpacing, cornersApart } from './affine.js';
import { orientationOf, reorient } from './orientation.js';
import type { Volume } from './types.js';

type Grid = Pick<Volume, 'shape' | 'affine'>;

/** Voxels further apart in space than this part of the finest spacing are in different places. */
const APART = 0.1;
/** Up to here every turned voxel is nearer to its own place than to any other one's. */
const NEAREST = 0.5;

function within(labels: Grid, image: Grid, part: number): boolean {
  const apart = cornersApart(labels.affine, image.affine, image.shape);
  return apart <= part * Math.min(...affineSpacing(image.affine));
}

/** For people, where that is so and no error. */
export const PLACES_DIFFER = 'image and mask name different places in space; they are matched voxel by voxel';

/** Whether two grids of one shape lie in different places: a corner by more than a tenth of the finest voxel size. */
export function placesDiffer(labels: Grid, image: Grid): boolean {
  return !within(labels, image, APART);
}

/**
 * Labels on the grid of their image, to be matched voxel by voxel. Labels that are stored in another orientation are
 * turned where that brings them to their image's place in space, or where it alone gives them its shape; else they
 * come back as they are, since many files do not say, or say wrongly, how they lie. Shapes and places may still
 * differ: the caller says whether that is an error.
 */
export function labelsOnGrid<L extends Volume>(labels: L, image: Grid): L {
  const orientation = orientationOf(image.affine);
  if (orientationOf(labels.affine) === orientation) return labels;
  const fits = ({ shape }: Grid): boolean => shape.join() === image.shape.join();
  if (fits(labels) && within(labels, image, NEAREST)) return labels;
  const turned = reorient(labels, orientation);
  if (!fits(turned)) return labels;
  return !fits(labels) || within(turned, image, NEAREST) ? turned : labels;
}
