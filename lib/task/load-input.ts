import { GmisegError } from '../errors.js';
import {
  type Image2D,
  type IntensityWindow,
  isVolumePath,
  type LabelMap2D,
  type MaskVolume,
  readLabelVolume,
  readMask,
  readVolume,
  type Uint8Image,
  type Volume,
} from '../image/index.js';
import { uint8Image } from '../image-input.js';
import { toPath } from '../load-options.js';
import { invalid } from '../validate.js';
import type { MaskInput } from './example.js';

/** A picture in 8 bits, or a volume as it is. */
export type LoadedImage = { readonly picture: Uint8Image } | { readonly volume: Volume };

/** Label values up to 255, of a picture or of a volume. */
export type LoadedMask =
  | { readonly width: number; readonly height: number; readonly data: Uint8Array }
  | {
      readonly shape: readonly [number, number, number];
      readonly data: Uint8Array;
      /** Where known: labels may be stored in another orientation than their image. */
      readonly affine?: Volume['affine'];
    };

export function isVolume(value: unknown): value is Volume {
  return typeof value === 'object' && value !== null && 'shape' in value && 'affine' in value;
}

/**
 * Reads what has to be read. A picture in memory is copied before the call returns; a volume is not, and must stay
 * as it is until the job has ended.
 */
export function loadImage(
  image: string | URL | Image2D | Volume,
  window: IntensityWindow | undefined,
  signal: AbortSignal | undefined,
): Promise<LoadedImage> {
  if (typeof image === 'string' || image instanceof URL) return readInput(toPath(image), window, signal);
  if (isVolume(image)) return Promise.resolve({ volume: checkFrames(image, 'the volume') });
  const picture = uint8Image(image, window);
  return Promise.resolve(picture).then((own) => ({ picture: own }));
}

async function readInput(
  path: string,
  window: IntensityWindow | undefined,
  signal: AbortSignal | undefined,
): Promise<LoadedImage> {
  if (await isVolumePath(path)) {
    return { volume: checkFrames(await readVolume(path, signal === undefined ? {} : { signal }), path) };
  }
  return { picture: await uint8Image(path, window) };
}

function checkFrames(volume: Volume, name: string): Volume {
  const frames = volume.frames / (volume.colour === true ? 3 : 1);
  if (frames === 1) return volume;
  throw new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${name} has ${frames} time points or channels; cut out the one to segment first.`,
    { details: { frames } },
  );
}

/** The mask, in memory of our own unless it is a volume. */
export function loadMask(
  mask: MaskInput,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LoadedMask> {
  if (typeof mask === 'string' || mask instanceof URL) return readMaskInput(toPath(mask), signal);
  return Promise.resolve(checkMask(mask, name)); // throws at once
}

async function readMaskInput(path: string, signal: AbortSignal | undefined): Promise<LoadedMask> {
  if (!(await isVolumePath(path))) return checkMask(await readMask(path), path);
  const labels = await readLabelVolume(path, signal === undefined ? {} : { signal });
  return checkMask(labels, path);
}

function checkMask(mask: LabelMap2D | MaskVolume, name: string): LoadedMask {
  if (typeof mask !== 'object' || mask === null || !ArrayBuffer.isView(mask.data)) {
    throw invalid(name, 'a path, { data, width, height } or { data, shape }', mask);
  }
  const sizes = 'shape' in mask ? mask.shape : [mask.width, mask.height];
  const count = sizes.reduce((product, size) => product * size, 1);
  if (!sizes.every((size) => Number.isInteger(size) && size > 0) || mask.data.length !== count) {
    throw new GmisegError(
      'ERR_SHAPE',
      `${name} is ${sizes.join(' x ')} but holds ${mask.data.length} values.`,
      { details: { sizes, length: mask.data.length } },
    );
  }
  const data = labelBytes(mask.data, name, 'shape' in mask);
  if (!('shape' in mask)) return { width: mask.width, height: mask.height, data };
  const { affine } = mask as Partial<Volume>;
  return { shape: mask.shape, data, ...(affine === undefined ? {} : { affine }) };
}

function labelBytes(values: ArrayLike<number>, name: string, borrow: boolean): Uint8Array {
  if (values instanceof Uint8Array) return borrow ? values : new Uint8Array(values);
  const out = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value = values[at] as number;
    if (!Number.isInteger(value) || value < 0 || value > 255) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `${name} holds ${value}; a task's labels are whole numbers from 0 (background) to 255. Renumber them.`,
        { details: { value } },
      );
    }
    out[at] = value;
  }
  return out;
}
