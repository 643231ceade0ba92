import { GmisegError } from '../errors.js';
import { isVolumeFormat, wrongFormatError } from './formats.js';
import { rasterToLabels } from './raster.js';
import { type ReadImageOptions, readRaster } from './read-image.js';
import { sniffFormat } from './sniff.js';
import type { LabelMap2D } from './types.js';

/**
 * Reads a 2-D label image exactly: PNG, TIFF, BMP, PGM/PPM/PBM or GIF.
 * Values are the stored grey values (a 1-bit image gives 0 and 1, a 16-bit one up to 65535), the indices of a
 * palette (not its colours), or the common value of pictures whose R, G and B are equal. Nothing is resampled,
 * rescaled or gamma-corrected. PBM bitmaps give 1 for black, as stored.
 *
 * @throws GmisegError ERR_IMAGE_NOT_FOUND; ERR_IMAGE_FORMAT (lossy or colour picture, a volume, fractions); ERR_IO
 */
export async function readMask(path: string, options: ReadImageOptions = {}): Promise<LabelMap2D> {
  const format = await sniffFormat(path);
  if (isVolumeFormat(format)) throw wrongFormatError(path, format, 'picture');
  if (format === 'jpeg' || format === 'webp')
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is a ${format === 'jpeg' ? 'JPEG' : 'WebP'} picture, whose compression changes label values; save the labels as PNG`,
      { details: { path, format } },
    );
  return rasterToLabels(await readRaster(path, options), path);
}
