import type { NativeEvaluateRequest } from '../../types/native.js';
import type { Cancellation } from '../cancellation.js';
import { type CallSite, GmisegError } from '../errors.js';
import { native } from '../native.js';
import { runJob } from '../run-job.js';
import { type GridOptions, type LoadedLabels, sharedGrid } from './load-masks.js';
import type { MaskGrid } from './mask-grid.js';

/** Which of the two masks are empty. */
export type EmptyMasks = 'none' | 'both' | 'prediction' | 'truth';

/**
 * How well a predicted mask fits the true one.
 *
 * Surfaces are the mask minus its erosion by the neighbours along the axes; beyond the image is background.
 * Distances are Euclidean between centres of voxels, in `unit`. Two empty masks agree: overlaps and NSD are 1,
 * distances 0. Where one mask is empty, overlaps and NSD are 0 and distances the diagonal of the image.
 */
export interface Scores {
  /** 2 |P and T| / (|P| + |T|), 0 .. 1. */
  readonly dice: number;
  /** |P and T| / |P or T| = dice / (2 - dice), 0 .. 1. */
  readonly jaccard: number;
  /** Average symmetric surface distance: the mean of `asd` and `asdReverse`. */
  readonly assd: number;
  /** The mean over the distances of both surfaces together. */
  readonly assdPooled: number;
  /** Mean distance from the prediction's surface to the truth's. */
  readonly asd: number;
  /** Mean distance from the truth's surface to the prediction's. */
  readonly asdReverse: number;
  /** Hausdorff distance: the largest of all distances. */
  readonly hd: number;
  /** 95th percentile of the distances of both surfaces together, interpolated linearly. */
  readonly hd95: number;
  /** The larger one of the two surfaces' own 95th percentiles. */
  readonly hd95Max: number;
  /** Normalized surface distance: share of both surfaces that is at most `tolerance` from the other, 0 .. 1. */
  readonly nsd: number;
  /** Of the NSD, in `unit`. */
  readonly tolerance: number;
  /** Of all distances: millimetres where the spacing is known, else the side of a pixel. */
  readonly unit: 'mm' | 'px';
  readonly volumes: Volumes;
  readonly counts: Counts;
  readonly empty: EmptyMasks;
}

/** How large the two masks are. */
export interface Volumes {
  readonly prediction: number;
  readonly truth: number;
  /** `ml` of a volume, `mm2` of a picture; `px` (pixels or voxels) where the spacing is not known. */
  readonly unit: 'ml' | 'mm2' | 'px';
}

/** Voxels. */
export interface Counts {
  readonly truePositives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly trueNegatives: number;
}

/** Scores that are numbers, in the order of tables. */
export const METRICS = [
  'dice',
  'jaccard',
  'assd',
  'assdPooled',
  'asd',
  'asdReverse',
  'hd',
  'hd95',
  'hd95Max',
  'nsd',
] as const;
export type Metric = (typeof METRICS)[number];

interface NativeScores extends Record<Metric, number> {
  readonly empty: EmptyMasks;
  readonly truePositives: number;
  readonly predicted: number;
  readonly actual: number;
}

export type LabelData = Uint8Array | Uint16Array | Int32Array;

/**
 * Scores objects of two label maps on the grid that they share, in the order of `objects`: see NativeEvaluateRequest.
 * @throws GmisegError ERR_SHAPE, ERR_DATASET where they share none
 */
export async function scoreObjects(
  prediction: LoadedLabels,
  truth: LoadedLabels,
  objects: readonly (readonly number[])[],
  { tolerance, ...geometry }: GridOptions & { readonly tolerance: number },
  cancellation: Cancellation,
  site: CallSite,
): Promise<Scores[]> {
  const { grid, predicted } = sharedGrid(prediction, truth, geometry);
  const request: NativeEvaluateRequest = {
    prediction: predicted,
    truth: truth.data,
    shape: [...grid.shape],
    spacing: [...grid.spacing],
    objects: objects.map((labels) => [...labels]),
    tolerance,
  };
  const text = await runJob(() => native().evaluate(request), cancellation, site);
  return (JSON.parse(text) as NativeScores[]).map((scores) => complete(scores, grid, tolerance));
}

function complete(found: NativeScores, grid: MaskGrid, tolerance: number): Scores {
  const { empty, truePositives, predicted, actual, ...metrics } = found;
  const expected = metrics.dice / (2 - metrics.dice);
  if (!(Math.abs(metrics.jaccard - expected) <= 1e-9))
    throw new GmisegError(
      'ERR_INTERNAL',
      `Jaccard ${metrics.jaccard} does not follow from Dice ${metrics.dice}; please report this.`,
      { details: { dice: metrics.dice, jaccard: metrics.jaccard } },
    );
  const voxels = grid.shape.reduce((product, size) => product * size, 1);
  return {
    ...metrics,
    tolerance,
    unit: grid.unit,
    volumes: {
      prediction: predicted * grid.voxel,
      truth: actual * grid.voxel,
      unit: grid.volumeUnit,
    },
    counts: {
      truePositives,
      falsePositives: predicted - truePositives,
      falseNegatives: actual - truePositives,
      trueNegatives: voxels - predicted - actual + truePositives,
    },
    empty,
  };
}
