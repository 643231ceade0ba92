import { distanceTransform } from '../../distance-transform.js';
import { evaluate } from '../../evaluate.js';
import { runtimeInfo } from '../../inspect.js';
import type { Settings } from '../protocol.js';
import { ellipsoid, type Shape } from '../volumes.js';
import { timed, type Workload } from './workload.js';

/** All metrics of two ellipsoids that fill most of a volume of `shape`, one of them moved by two voxels. */
export async function openEvaluate(settings: Settings): Promise<Workload> {
  const { shape, spacing } = grid(settings);
  const [prediction, truth] = [ellipsoid(shape, 2), ellipsoid(shape, 0)];
  return {
    facts: facts(),
    async repeat() {
      const { seconds } = await timed(() =>
        evaluate({ data: prediction, shape }, { data: truth, shape }, { spacing }),
      );
      return { values: { seconds } };
    },
  };
}

/** The distance of every voxel of `shape` from an ellipsoid. */
export async function openDistances(settings: Settings): Promise<Workload> {
  const { shape, spacing } = grid(settings);
  const truth = ellipsoid(shape, 0);
  return {
    facts: facts(),
    async repeat() {
      const { seconds, value } = await timed(() => distanceTransform(truth, shape, { spacing }));
      return { values: { seconds }, output: () => Float32Array.from(value) };
    },
  };
}

function grid(settings: Settings): { shape: Shape; spacing: number[] } {
  return { shape: settings.shape as Shape, spacing: settings.spacing as number[] };
}

function facts(): { libtorch: string; threads: number } {
  const { torch, threads } = runtimeInfo();
  return { libtorch: torch, threads };
}
