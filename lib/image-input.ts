import { fileURLToPath } from 'node:url';
import type { NativeImage } from '../types/native.js';
import { GmisegError } from './errors.js';
import { type Image2D, type IntensityWindow, readImage, toUint8, type Uint8Image } from './image/index.js';
import { invalid, requireInteger } from './validate.js';

/** An image in memory or the path of a picture file. */
export type ImageInput = Image2D | string | URL;

/**
 * The image in 8 bits, in memory of our own: an image in memory is copied before the call returns, so that its
 * owner may change or transfer it at once.
 * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, and what readImage throws
 */
export function nativeImage(
  image: ImageInput,
  window: IntensityWindow | undefined,
): NativeImage | Promise<NativeImage> {
  const own = uint8Image(image, window);
  return own instanceof Promise ? own.then(withoutSpacing) : withoutSpacing(own);
}

function withoutSpacing({ data, width, height, channels }: Uint8Image): NativeImage {
  return { data, width, height, channels };
}

/** nativeImage with the spacing, for those who care about the shape of pixels. */
export function uint8Image(
  image: ImageInput,
  window: IntensityWindow | undefined,
): Uint8Image | Promise<Uint8Image> {
  if (typeof image === 'string') return readImage(image).then((read) => toUint8(read, window));
  if (image instanceof URL) return readImage(fileURLToPath(image)).then((read) => toUint8(read, window));
  checkImage(image);
  const copy = toUint8(image, window);
  return copy.data === image.data ? { ...copy, data: new Uint8Array(copy.data) } : copy;
}

function checkImage(image: Image2D): void {
  if (typeof image !== 'object' || image === null || ArrayBuffer.isView(image) || Array.isArray(image)) {
    throw invalid('image', 'a path or { data, width, height, channels }', image);
  }
  const { data, width, height, channels } = image;
  requireInteger('image.width', width, 1, 2 ** 20);
  requireInteger('image.height', height, 1, 2 ** 20);
  if (channels !== 1 && channels !== 3) throw invalid('image.channels', '1 (grey) or 3 (RGB)', channels);
  const known = [Uint8Array, Uint16Array, Int16Array, Float32Array].some((kind) => data instanceof kind);
  if (!known) throw invalid('image.data', 'a Uint8Array, Uint16Array, Int16Array or Float32Array', data);
  const length = width * height * channels;
  if (data.length !== length) {
    throw new GmisegError(
      'ERR_SHAPE',
      `image.data must have ${length} elements (${width} x ${height} pixels x ${channels} channels), but has ` +
        `${data.length}.`,
      { details: { expected: length, found: data.length } },
    );
  }
}
