import {
  type ChosenSlice,
  chooseSlices,
  profileLabels,
  type SlicePolicy,
  usableAxes,
} from '../dataset/slicing.js';
import { GmisegError } from '../errors.js';
import type { Axis, Volume } from '../image/index.js';

/** How labelled volumes become examples, and unlabelled ones are cut. */
export interface VolumeOptions {
  /**
   * Axis to cut across, of the body: 0 runs from right to left, 1 from front to back, 2 from feet to head, however
   * the file is stored. Left out: the one with the largest spacing, axis 2 where they are alike. A volume of one
   * slice is cut across that slice alone.
   */
  readonly axis?: Axis;
  /** `three`: examples across every axis, and results are the mean over all three. `one` when left out. */
  readonly axes?: 'one' | 'three';
  /**
   * `spread` (the default): slices evenly spread over those that show a label, and the middle one of a label that
   * these miss. The others are the policies of `gmiseg import`.
   */
  readonly policy?: 'spread' | SlicePolicy;
  /** With `spread`: examples that all volumes together give on an axis, 16 when left out; every volume gives one. */
  readonly slices?: number;
  /** Pixels that a label must have on a slice to count there, 10 when left out. */
  readonly minArea?: number;
}

/** Spacings this much apart count as different. */
const TOLERANCE = 0.01;

/** The axes that a volume of this grid is cut across. */
export function axesFor(
  { axis, axes = 'one' }: VolumeOptions,
  { shape, spacing }: Pick<Volume, 'shape' | 'spacing'>,
): Axis[] {
  return usableAxes(shape, axes === 'three' ? [0, 1, 2] : [axis ?? thickAxis(spacing)]);
}

/** The axis with the thickest slices: across it, slices are as they were scanned. */
export function thickAxis(spacing: readonly number[]): Axis {
  const most = Math.max(...spacing);
  const thick = ([2, 1, 0] as const).find((axis) => (spacing[axis] as number) >= most * (1 - TOLERANCE));
  return thick ?? 2;
}

/**
 * The slices of one labelled volume that become examples.
 * @throws GmisegError ERR_INVALID_ARG where no slice shows enough of a label
 */
export function exampleSlices(
  volume: Volume,
  labels: Uint8Array,
  name: string,
  settings: {
    readonly axes: readonly Axis[];
    readonly values: ReadonlySet<number> | null;
    readonly options: VolumeOptions;
    readonly volumes: number;
  },
): ChosenSlice[] {
  const { axes, values, options, volumes } = settings;
  const { policy = 'spread', slices = 16, minArea = 10 } = options;
  const profile = new Map(
    [...profileLabels(labels, volume.shape)].filter(([value]) => values === null || values.has(value)),
  );
  const chosen =
    policy !== 'spread'
      ? chooseSlices(profile, volume.shape, { policy, axes, minArea })
      : usableAxes(volume.shape, axes).flatMap((axis) =>
          spread(
            chooseSlices(profile, volume.shape, { policy: 'all', axes: [axis], minArea }),
            Math.max(1, Math.ceil(slices / volumes)),
          ),
        );
  if (chosen.length === 0) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `No slice of ${name} shows ${minArea} pixels of a label. Check the mask and the labels, or lower volume.minArea.`,
      { details: { name, labels: [...profile.keys()] } },
    );
  }
  return chosen;
}

function spread(all: readonly ChosenSlice[], count: number): ChosenSlice[] {
  if (all.length <= count) return [...all];
  const chosen = new Set<ChosenSlice>();
  for (let at = 0; at < count; at++) {
    chosen.add(all[Math.floor(((at + 0.5) * all.length) / count)] as ChosenSlice);
  }
  const seen = new Set([...chosen].flatMap(({ labels }) => [...labels.keys()]));
  for (const value of new Set(all.flatMap(({ labels }) => [...labels.keys()]))) {
    if (seen.has(value)) continue;
    const showing = all.filter(({ labels }) => labels.has(value));
    chosen.add(showing[Math.floor(showing.length / 2)] as ChosenSlice);
  }
  return [...chosen].sort((a, b) => a.index - b.index);
}
