import { decodeBmp } from './bmp.js';
import { readAllBytes } from './file-bytes.js';
import { detectFormat, isVolumeFormat, wrongFormatError } from './formats.js';
import { decodePng } from './png.js';
import { decodePnm } from './pnm.js';
import { type Raster, rasterToImage } from './raster.js';
import { decodeWithSharp } from './sharp-raster.js';
import { sniffFormat } from './sniff.js';
import { decodeTiff } from './tiff.js';
import type { Image2D } from './types.js';

export interface ReadImageOptions {
  /** Page of a multi-page TIFF, from 0. Without it such a file is refused rather than half read. */
  readonly page?: number;
}

/** The stored samples of any picture format. */
export async function readRaster(path: string, options: ReadImageOptions): Promise<Raster> {
  const bytes = await readAllBytes(path);
  const format = detectFormat(bytes.subarray(0, 1024));
  switch (format) {
    case 'png':
      return decodePng(bytes, path);
    case 'pnm':
      return decodePnm(bytes, path);
    case 'bmp':
      return decodeBmp(bytes, path);
    case 'tiff':
      return await decodeTiff(bytes, path, options.page);
    case 'jpeg':
      return await decodeWithSharp(bytes, path, 'JPEG');
    case 'gif':
      return await decodeWithSharp(bytes, path, 'GIF');
    case 'webp':
      return await decodeWithSharp(bytes, path, 'WebP');
    default:
      throw wrongFormatError(path, format, 'picture');
  }
}

/**
 * Reads a 2-D picture; the content decides on the format, not the name, and gzip is looked through.
 * PNG, JPEG, TIFF, BMP, PBM/PGM/PPM, GIF and WebP.
 *
 * Grey pictures have 1 channel, colour and palette pictures 3. Alpha is dropped. 1, 2 and 4-bit samples are
 * spread over 0-255; 16-bit (Uint16Array), signed (Int16Array) and float samples (Float32Array) keep their
 * values, see toUint8. Colour profiles and gamma are ignored; a JPEG's orientation tag is applied. Pictures carry
 * no spacing: their resolution tags speak of print, not of millimetres in the body.
 *
 * @throws GmisegError ERR_IMAGE_NOT_FOUND; ERR_IMAGE_FORMAT (unknown, damaged, a volume, several pages); ERR_IO
 */
export async function readImage(path: string, options: ReadImageOptions = {}): Promise<Image2D> {
  // A look at the head first: a volume may be gigabytes long, and is refused before it is read.
  const format = await sniffFormat(path);
  if (isVolumeFormat(format)) throw wrongFormatError(path, format, 'picture');
  return rasterToImage(await readRaster(path, options), path);
}
