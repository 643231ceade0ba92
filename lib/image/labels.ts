import { GmisegError } from '../errors.js';
import { type ReadVolumeOptions, readVolume } from './read-volume.js';
import type { Volume, VoxelArray } from './types.js';

/** A label volume: whole numbers, one frame. */
export interface LabelVolume extends Volume {
  readonly data: Uint8Array | Uint16Array | Int32Array;
  readonly frames: 1;
}

/** Scaling and resampling tools leave labels this far from whole numbers. */
const TOLERANCE = 1e-3;

function extremes(data: VoxelArray, name: string): { min: number; max: number } {
  let min = 0;
  let max = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    const whole = Math.round(value);
    if (!(Math.abs(value - whole) <= TOLERANCE))
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${name} holds ${value}, which is no label: labels are whole numbers. Was it resampled with interpolation, or is it an image?`,
        { details: { path: name, value, index: i } },
      );
    if (whole < min) min = whole;
    if (whole > max) max = whole;
  }
  return { min, max };
}

/**
 * A volume's values as labels: whole numbers in the smallest of uint8, uint16 and int32. Values within 0.001
 * of a whole number are rounded (float label files do hold 0.99999997).
 * @throws GmisegError ERR_IMAGE_FORMAT for fractions, negative labels, colours or several frames
 */
export function toLabelVolume(volume: Volume): LabelVolume {
  const name = volume.source?.path ?? 'the volume';
  if (volume.frames !== 1)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${name} has ${volume.frames} frames; a label file has one. Split it into one file per frame`,
      { details: { path: name, frames: volume.frames } },
    );
  const { min, max } = extremes(volume.data, name);
  if (min < 0 || max > 2 ** 31 - 1)
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${name} holds ${min < 0 ? min : max}; labels run from 0 to 2^31 - 1`,
      {
        details: { path: name, min, max },
      },
    );
  const Type = labelArray(max);
  if (volume.data instanceof Type) return { ...volume, data: volume.data, frames: 1 };
  const data = new Type(volume.data.length);
  for (let i = 0; i < data.length; i++) data[i] = Math.round(volume.data[i]!);
  return { ...volume, data, frames: 1 };
}

/** The smallest array of uint8, uint16 and int32 that holds labels up to `most`. */
export function labelArray(most: number): typeof Uint8Array | typeof Uint16Array | typeof Int32Array {
  return most <= 255 ? Uint8Array : most <= 65535 ? Uint16Array : Int32Array;
}

/** Reads a label volume: readVolume, then toLabelVolume. */
export async function readLabelVolume(path: string, options: ReadVolumeOptions = {}): Promise<LabelVolume> {
  return toLabelVolume(await readVolume(path, options));
}
