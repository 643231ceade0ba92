import { GmisegError } from '../errors.js';
import {
  type Affine,
  affineSpacing,
  cornersApart,
  isVolumePath,
  type LabelMap2D,
  labelsOnGrid,
  type MaskVolume,
  placesDiffer,
  readLabelVolume,
  readMask,
  type Volume,
  type VoxelArray,
} from '../image/index.js';
import { toPath } from '../load-options.js';
import type { MaskInput } from '../task/example.js';
import { invalid } from '../validate.js';
import { type MaskGrid, pictureGrid, volumeGrid } from './mask-grid.js';
import type { LabelData } from './scores.js';

/** A label map with what is known of its place. */
export interface LoadedLabels {
  /** For messages. */
  readonly name: string;
  readonly data: LabelData;
  /** Three sizes of a volume; width and height of a picture. */
  readonly shape: readonly [number, number, number] | readonly [number, number];
  /** Millimetres: along i, j and k of a volume, [row, column] of a picture. */
  readonly spacing?: readonly [number, number, number] | readonly [row: number, column: number];
  readonly affine?: Affine;
}

export interface GridOptions {
  /** Overrules the files': [row, column] of a picture, [i, j, k] of a volume, millimetres. */
  readonly spacing?: readonly number[];
  /** Compare voxel by voxel whatever the affines say; sizes must agree all the same. */
  readonly ignoreGeometry?: boolean;
}

/** Reads a label file: a volume or a picture, by content. */
export async function readLabels(path: string, signal?: AbortSignal): Promise<LoadedLabels> {
  signal?.throwIfAborted();
  if (!(await isVolumePath(path))) {
    const { data, width, height } = await readMask(path);
    return { name: path, data, shape: [width, height] };
  }
  const { data, shape, spacing, affine } = await readLabelVolume(
    path,
    signal === undefined ? {} : { signal },
  );
  return { name: path, data, shape, spacing, affine };
}

/** A mask in memory, or the promise of one that is read. `copy`: memory of our own. */
export function loadLabels(
  mask: MaskInput,
  name: string,
  copy: boolean,
  signal: AbortSignal | undefined,
): LoadedLabels | Promise<LoadedLabels> {
  if (isFile(mask)) return readLabels(toPath(mask), signal);
  if (typeof mask !== 'object' || mask === null || !ArrayBuffer.isView(mask.data))
    throw invalid(name, 'a path, { data, width, height } or { data, shape }', mask);
  const shape = 'shape' in mask ? mask.shape : ([mask.width, mask.height] as const);
  const sizes = 'shape' in mask ? 3 : 2;
  const whole =
    Array.isArray(shape) &&
    shape.length === sizes &&
    shape.every((size) => Number.isInteger(size) && size > 0);
  const count = whole ? shape.reduce((product, size) => product * size, 1) : Number.NaN;
  if (mask.data.length !== count)
    throw new GmisegError(
      'ERR_SHAPE',
      `${name} is ${Array.isArray(shape) ? shape.join(' x ') : String(shape)} but holds ${mask.data.length} values.`,
      { details: { shape, length: mask.data.length } },
    );
  const data = labelData(mask.data, name);
  const { spacing, affine } = mask as Partial<Volume>;
  return {
    name,
    data: copy && data === mask.data ? data.slice() : data,
    shape,
    ...(spacing === undefined ? {} : { spacing }),
    ...(affine === undefined ? {} : { affine }),
  };
}

export function isFile(mask: MaskInput): mask is string | URL {
  return typeof mask === 'string' || mask instanceof URL;
}

function labelData(values: LabelMap2D['data'] | MaskVolume['data'], name: string): LabelData {
  if (values instanceof Uint8Array || values instanceof Uint16Array || values instanceof Int32Array)
    return values;
  const out = new Int32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = (values as VoxelArray)[at]!;
    out[at] = value;
    if (out[at] !== value) throw invalid(`${name}.data[${at}]`, 'a whole number below 2^31', value);
  }
  return out;
}

/**
 * The grid of the truth and the prediction's labels on it, turned where they are stored in another orientation; a
 * volume of one slice shares a grid with a picture.
 * @throws GmisegError ERR_SHAPE where the sizes differ, ERR_DATASET where their places do, ERR_INVALID_ARG
 */
export function sharedGrid(
  stored: LoadedLabels,
  truth: LoadedLabels,
  options: GridOptions = {},
): { readonly grid: MaskGrid; readonly predicted: LabelData } {
  const placed = options.ignoreGeometry === true ? null : inSpace(truth);
  const own = placed === null ? null : inSpace(stored);
  const turned = placed === null || own === null ? null : labelsOnGrid(own, placed);
  const prediction = turned === null ? stored : { ...stored, ...turned };
  const files = `${prediction.name} and ${truth.name}`;
  const details = { prediction: prediction.name, truth: truth.name };
  const size = ({ shape }: LoadedLabels): string => [...shape, 1].slice(0, 3).join(' x ');
  if (size(prediction) !== size(truth))
    throw new GmisegError(
      'ERR_SHAPE',
      `${prediction.name} is ${prediction.shape.join(' x ')} but ${truth.name} ${truth.shape.join(' x ')}; resample the prediction to the grid of the truth.`,
      { details },
    );
  if (placed !== null && turned !== null && placesDiffer(turned, placed)) {
    const apart = cornersApart(turned.affine, placed.affine, placed.shape);
    throw new GmisegError(
      'ERR_DATASET',
      `${files} have the same size but lie up to ${apart.toPrecision(3)} mm apart in space (spacing or origin differ); ` +
        `write the prediction with the truth's geometry, or compare voxel by voxel with --ignore-geometry (ignoreGeometry: true).`,
      { details: { ...details, apart } },
    );
  }
  return { grid: gridOf(truth, prediction, options.spacing), predicted: prediction.data };
}

/** Null where nothing is known of the place. */
function inSpace({ data, shape, affine }: LoadedLabels): (Volume & { readonly data: LabelData }) | null {
  if (shape.length !== 3 || affine === undefined) return null;
  return { data, shape, frames: 1, spacing: affineSpacing(affine), affine };
}

function gridOf(
  truth: LoadedLabels,
  prediction: LoadedLabels,
  given: readonly number[] | undefined,
): MaskGrid {
  const { shape } = truth;
  if (given !== undefined && given.length !== shape.length)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `The spacing has ${given.length} numbers, but ${truth.name} is a ${shape.length === 2 ? 'picture: give that of rows and columns' : 'volume: give that along i, j and k'}.`,
      { details: { truth: truth.name } },
    );
  const sides = [truth, prediction];
  if (shape.length === 3) {
    const own = sides.map(({ spacing }) => spacing).find((spacing) => spacing?.length === 3);
    return volumeGrid(shape, (given as [number, number, number] | undefined) ?? own ?? null);
  }
  const own = sides.map(inPlane).find((spacing) => spacing !== undefined);
  return pictureGrid(shape[0], shape[1], (given as [number, number] | undefined) ?? own ?? null);
}

/** [row, column] of a picture, or of a volume of one slice, whose rows follow one another along j. */
function inPlane({ spacing }: LoadedLabels): readonly [row: number, column: number] | undefined {
  return spacing?.length === 3 ? [spacing[1], spacing[0]] : spacing;
}
