import type { Affine, Volume } from '../image/index.js';

interface TaskResult {
  /** The label values in the order of `masks`, `probability` and `uncertainty`: those of the task. */
  readonly values: readonly number[];
  /** The number of labels. */
  readonly count: number;
  /** The value of each pixel's or voxel's label, 0 for none; where labels meet, the more probable one. */
  readonly labels: Uint8Array;
  /** [count, ...grid], 0 to 1, before labels were weighed against one another; only if asked for. */
  readonly probability?: Float32Array;
  /**
   * [count, ...grid]: the standard deviation of the probability over ensemble members, engines and mirrored
   * passes; 0 everywhere where the task has one of each. Only if asked for.
   */
  readonly uncertainty?: Float32Array;
}

/** Masks of a picture, on its own pixels. */
export interface PictureResult extends TaskResult {
  readonly kind: 'picture';
  readonly width: number;
  readonly height: number;
  /** [count, height, width], 0 or 1: the label map, taken apart */
  readonly masks: Uint8Array;
}

/** A label map on a volume's grid, ready for writeMask(path, { data: labels, shape }, { like: volume }). */
export interface VolumeResult extends TaskResult {
  readonly kind: 'volume';
  /** Voxels along i, j, k; the first axis is fastest in all arrays. */
  readonly shape: readonly [number, number, number];
  readonly spacing: readonly [number, number, number];
  readonly affine: Affine;
  /** The volume that was segmented. */
  readonly volume: Volume;
  /** The axes of the body that it was cut across, see VolumeOptions. */
  readonly axes: readonly (0 | 1 | 2)[];
}
