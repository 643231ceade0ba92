import { Cancellation } from './cancellation.js';
import { callSite } from './errors.js';
import { native } from './native.js';
import { runJob } from './run-job.js';

export interface DistanceTransformOptions {
  /** As long as the shape; default all 1. */
  readonly spacing?: readonly number[];
  readonly signal?: AbortSignal;
}

/**
 * The distance from each voxel to the nearest one of the mask that is not 0: exact, Euclidean, 0 on the mask, infinite
 * where the mask is empty.
 * @param shape two or three sizes, the first axis is the fastest; [width, height] of a picture
 * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE; the signal's reason
 */
export async function distanceTransform(
  mask: Uint8Array,
  shape: readonly number[],
  { spacing = shape.map(() => 1), signal }: DistanceTransformOptions = {},
): Promise<Float64Array> {
  const site = callSite(distanceTransform);
  const out = new Float64Array(mask.length);
  const cancellation = new Cancellation(signal);
  try {
    const request = { mask, shape: [...shape], spacing: [...spacing] };
    await runJob(() => native().distanceTransform(request, out), cancellation, site);
    return out;
  } finally {
    cancellation.dispose();
  }
}
