import { GmisegError } from '../errors.js';
import type { labelArray } from './labels.js';
import { type Orientation, orientationOf } from './orientation.js';
import type { Image2D, Mask2D, MaskVolume, PixelArray, Volume, VoxelArray } from './types.js';

/*
 * The one orientation rule. A slice across axis `a` keeps array order: of the two axes left, the first (in the
 * order i, j, k) runs along the columns (x) and the second along the rows (y, downwards):
 *
 *   axis 2 (fixed k): x = i, y = j, width ni, height nj
 *   axis 1 (fixed j): x = i, y = k, width ni, height nk
 *   axis 0 (fixed i): x = j, y = k, width nj, height nk
 *
 * Nothing is flipped or turned, so a pixel (x, y) of a slice is a voxel's indices. displayFlips says how to turn
 * a slice for people to look at.
 */

/** The axis a slice is cut across: 0 = i, 1 = j, 2 = k. */
export type Axis = 0 | 1 | 2;

export interface TakeSliceOptions {
  /** Time point or channel, 0 when left out. In a colour volume: the time point. */
  readonly frame?: number;
}

/** Width and height of slices across an axis. */
export function sliceSize(
  shape: readonly [number, number, number],
  axis: Axis,
): { width: number; height: number } {
  const [x, y] = planeAxes(axis);
  return { width: shape[x], height: shape[y] };
}

/** The volume's axes that run along a slice's columns (x) and rows (y). */
export function planeAxes(axis: Axis): readonly [x: Axis, y: Axis] {
  return axis === 2 ? [0, 1] : axis === 1 ? [0, 2] : [1, 2];
}

function checkPlace(shape: readonly [number, number, number], axis: Axis, index: number): void {
  if (axis !== 0 && axis !== 1 && axis !== 2)
    throw new GmisegError('ERR_INVALID_ARG', `the axis of a slice is 0, 1 or 2, not ${String(axis)}`);
  if (!Number.isInteger(index) || index < 0 || index >= shape[axis])
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `slice ${index} does not exist: axis ${axis} has slices 0 to ${shape[axis] - 1}`,
      { details: { axis, index, shape } },
    );
}

/** Where a slice lies in its volume's array: start and steps. */
function layout(shape: readonly [number, number, number], axis: Axis, index: number) {
  const strides = [1, shape[0], shape[0] * shape[1]] as const;
  const [x, y] = planeAxes(axis);
  return { start: index * strides[axis], stepX: strides[x], stepY: strides[y], ...sliceSize(shape, axis) };
}

function pixelArray(data: VoxelArray, length: number): PixelArray {
  if (data instanceof Uint8Array) return new Uint8Array(length);
  if (data instanceof Uint16Array) return new Uint16Array(length);
  if (data instanceof Int16Array || data instanceof Int8Array) return new Int16Array(length);
  return new Float32Array(length);
}

function copyOut(
  volume: Volume,
  place: ReturnType<typeof layout>,
  frame: number,
  out: PixelArray,
  channel: number,
  channels: number,
): void {
  const { shape, data } = volume;
  const { width, height, stepX, stepY } = place;
  const start = place.start + frame * shape[0] * shape[1] * shape[2];
  for (let y = 0; y < height; y++) {
    const row = start + y * stepY;
    for (let x = 0; x < width; x++) out[(y * width + x) * channels + channel] = data[row + x * stepX]!;
  }
}

/**
 * A slice of a volume as a picture with its two in-plane spacings (millimetres, [row, column]).
 * Values are copied; 8 and 16-bit types stay (int8 becomes int16), wider ones become float32.
 * Colour volumes give 3 channels.
 * @throws GmisegError ERR_INVALID_ARG where axis, index or frame do not exist
 */
export function takeSlice(
  volume: Volume,
  axis: Axis,
  index: number,
  options: TakeSliceOptions = {},
): Image2D {
  checkPlace(volume.shape, axis, index);
  const channels = volume.colour === true ? 3 : 1;
  const frame = options.frame ?? 0;
  const frames = volume.frames / channels;
  if (!Number.isInteger(frame) || frame < 0 || frame >= frames)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `frame ${frame} does not exist: the volume has frames 0 to ${frames - 1}`,
    );
  const place = layout(volume.shape, axis, index);
  const { width, height } = place;
  const data = pixelArray(volume.data, width * height * channels);
  for (let c = 0; c < channels; c++) copyOut(volume, place, frame * channels + c, data, c, channels);
  const [x, y] = planeAxes(axis);
  return { data, width, height, channels, spacing: [volume.spacing[y], volume.spacing[x]] };
}

/**
 * The slice of a label volume where the label is, as 0 and 1; every non-zero value counts when no label is named.
 * @throws GmisegError ERR_INVALID_ARG where axis or index do not exist
 */
export function takeMaskSlice(mask: MaskVolume, axis: Axis, index: number, label?: number): Mask2D {
  checkPlace(mask.shape, axis, index);
  const { start, stepX, stepY, width, height } = layout(mask.shape, axis, index);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = mask.data[start + y * stepY + x * stepX]!;
      if (label === undefined ? value !== 0 : value === label) out[y * width + x] = 1;
    }
  }
  return { data: out, width, height };
}

/** An empty mask on a volume's grid, to put slices into. Labels above 255 need another `type`; see labelArray. */
export function emptyMaskLike(
  volume: { readonly shape: readonly [number, number, number] },
  type: ReturnType<typeof labelArray> = Uint8Array,
): MaskVolume {
  const [ni, nj, nk] = volume.shape;
  return { data: new type(ni * nj * nk), shape: [ni, nj, nk] };
}

/**
 * Puts a slice's values into a mask volume, in place: the exact inverse of takeSlice and takeMaskSlice.
 * With a label, pixels other than 0 set it and the others leave the volume as it is, so that
 * several labels can be put one after the other; without one all values are copied.
 * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE where the slice has another size
 */
export function putSlice(
  target: MaskVolume,
  axis: Axis,
  index: number,
  slice: { readonly data: ArrayLike<number>; readonly width: number; readonly height: number },
  label?: number,
): void {
  checkPlace(target.shape, axis, index);
  const { start, stepX, stepY, width, height } = layout(target.shape, axis, index);
  if (slice.width !== width || slice.height !== height || slice.data.length !== width * height)
    throw new GmisegError(
      'ERR_SHAPE',
      `a slice across axis ${axis} is ${width} x ${height}, the given one ${slice.width} x ${slice.height} with ${slice.data.length} values`,
      { details: { axis, index, shape: target.shape } },
    );
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = slice.data[y * width + x]!;
      if (label === undefined) target.data[start + y * stepY + x * stepX] = value;
      else if (value !== 0) target.data[start + y * stepY + x * stepX] = label;
    }
  }
}

/**
 * How to mirror a slice so that it looks as radiologists expect: front and head up, the patient's right (or, seen
 * from the side, the front) on the left of the picture. Only for looking: coordinates and masks stay in array
 * order. Slices are not turned by 90 degrees, so oblique acquisitions may lie on their side.
 */
export function displayFlips(volume: Volume, axis: Axis): { x: boolean; y: boolean } {
  return flipsOf(orientationOf(volume.affine), axis);
}

/** displayFlips of a volume with this orientation. */
export function flipsOf(orientation: Orientation, axis: Axis): { x: boolean; y: boolean } {
  const [x, y] = planeAxes(axis);
  return { x: 'RA'.includes(orientation[x]!), y: 'AS'.includes(orientation[y]!) };
}
