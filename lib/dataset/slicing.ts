import { GmisegError } from '../errors.js';
import type { Axis } from '../image/index.js';

export const SLICE_POLICIES = ['mid-object', 'mid-volume', 'max-area', 'all'] as const;

/**
 * Which slices of a labelled volume become examples, on every chosen axis:
 * - `mid-object`: for each label the middle of its extent; where the label has a
 *   gap there, the nearest slice that shows it (the lower one of two equally near).
 * - `mid-volume`: index floor(n / 2), whatever it shows.
 * - `max-area`: for each label the slice that shows most of it.
 * - `all`: every slice that shows at least one label.
 * A label counts on a slice only with at least `minArea` pixels there, and a
 * slice without any such label is left out.
 */
export type SlicePolicy = (typeof SLICE_POLICIES)[number];

export interface SlicingOptions {
  policy?: SlicePolicy;
  /** Default all three. An axis along which the volume has one voxel is the only one used. */
  axes?: readonly Axis[];
  /** Pixels that a label must have on a slice, on the volume's own grid. Default 10. */
  minArea?: number;
  /** A label value that is never a target. */
  ignoreLabel?: number | null;
}

export interface ChosenSlice {
  readonly axis: Axis;
  readonly index: number;
  /** Label value to pixels on this slice; only labels with at least minArea pixels. */
  readonly labels: ReadonlyMap<number, number>;
}

/** For every label value but 0: its pixels on each slice of each axis. */
export type LabelProfile = ReadonlyMap<number, readonly [Uint32Array, Uint32Array, Uint32Array]>;

/** One pass over a label volume (first axis fastest). */
export function profileLabels(labels: Uint8Array, shape: readonly [number, number, number]): LabelProfile {
  const [ni, nj, nk] = shape;
  if (labels.length !== ni * nj * nk) {
    throw new GmisegError(
      'ERR_SHAPE',
      `A label volume of ${shape.join(' x ')} needs ${ni * nj * nk} voxels, got ${labels.length}.`,
    );
  }
  const profile = new Map<number, [Uint32Array, Uint32Array, Uint32Array]>();
  let at = 0;
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++, at++) {
        const value = labels[at] as number;
        if (value === 0) continue;
        let areas = profile.get(value);
        if (areas === undefined) {
          areas = [new Uint32Array(ni), new Uint32Array(nj), new Uint32Array(nk)];
          profile.set(value, areas);
        }
        areas[0][i]! += 1;
        areas[1][j]! += 1;
        areas[2][k]! += 1;
      }
    }
  }
  return new Map([...profile].sort(([a], [b]) => a - b));
}

/** The slices of a volume that a policy chooses, sorted by axis, then index, each once. */
export function chooseSlices(
  profile: LabelProfile,
  shape: readonly [number, number, number],
  options: SlicingOptions = {},
): ChosenSlice[] {
  const { policy = 'mid-object', minArea = 10, ignoreLabel = null } = options;
  if (!SLICE_POLICIES.includes(policy)) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `Unknown slice policy "${policy}"; use one of ${SLICE_POLICIES.join(', ')}.`,
    );
  }
  if (!(minArea >= 1)) {
    throw new GmisegError('ERR_INVALID_ARG', `minArea is ${minArea}; give a number of pixels from 1.`);
  }
  const targets = [...profile].filter(([value]) => value !== ignoreLabel);
  const chosen: ChosenSlice[] = [];
  for (const axis of usableAxes(shape, options.axes ?? [0, 1, 2])) {
    const indices = new Set<number>();
    if (policy === 'mid-volume') indices.add(Math.floor(shape[axis] / 2));
    for (const [, areas] of targets) {
      const area = areas[axis];
      if (policy === 'all') {
        for (const [index, pixels] of area.entries()) if (pixels >= minArea) indices.add(index);
      }
      if (policy === 'mid-object') addUnlessNull(indices, middleOf(area, minArea));
      if (policy === 'max-area') addUnlessNull(indices, largestOf(area, minArea));
    }
    for (const index of [...indices].sort((a, b) => a - b)) {
      const labels = new Map<number, number>();
      for (const [value, areas] of targets) {
        const pixels = areas[axis][index] as number;
        if (pixels >= minArea) labels.set(value, pixels);
      }
      if (labels.size > 0) chosen.push({ axis, index, labels });
    }
  }
  return chosen;
}

/** The axis along which a volume has one voxel, as a 2-D image stored as NIfTI has; null for others. */
export function flatAxis(shape: readonly [number, number, number]): Axis | null {
  return ([2, 1, 0] as const).find((axis) => shape[axis] === 1) ?? null;
}

/**
 * The axes that a volume can be cut across, sorted: a flat one only across its flat axis, else those given.
 * @throws GmisegError ERR_INVALID_ARG
 */
export function usableAxes(shape: readonly [number, number, number], axes: readonly Axis[]): Axis[] {
  for (const axis of axes) {
    if (axis !== 0 && axis !== 1 && axis !== 2) {
      throw new GmisegError('ERR_INVALID_ARG', `Axis ${String(axis)} does not exist; use 0, 1 or 2.`);
    }
  }
  const flat = flatAxis(shape);
  return flat === null ? [...new Set(axes)].sort() : [flat];
}

function addUnlessNull(set: Set<number>, index: number | null): void {
  if (index !== null) set.add(index);
}

function middleOf(area: Uint32Array, minArea: number): number | null {
  const first = area.findIndex((pixels) => pixels > 0);
  if (first < 0) return null;
  let last = area.length - 1;
  while (area[last] === 0) last -= 1;
  const middle = Math.floor((first + last) / 2);
  for (let step = 0; step < area.length; step++) {
    if ((area[middle - step] ?? 0) >= minArea) return middle - step;
    if ((area[middle + step] ?? 0) >= minArea) return middle + step;
  }
  return null;
}

function largestOf(area: Uint32Array, minArea: number): number | null {
  let best = 0;
  area.forEach((pixels, index) => {
    if (pixels > (area[best] as number)) best = index;
  });
  return (area[best] ?? 0) >= minArea ? best : null;
}
