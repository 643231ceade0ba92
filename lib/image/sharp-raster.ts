import { GmisegError } from '../errors.js';
import { loadSharp } from './load-sharp.js';
import { checkSize, damagedError, type Raster } from './raster.js';

/**
 * Decodes JPEG, GIF and WebP. Colour profiles are ignored. A JPEG's orientation tag is applied: the picture,
 * its coordinates and its mask are those that every viewer shows.
 */
export async function decodeWithSharp(bytes: Buffer, path: string, format: string): Promise<Raster> {
  const sharp = await loadSharp();
  try {
    const input = sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false });
    const meta = await input.metadata();
    checkSize(path, meta.width, meta.height);
    if ((meta.pages ?? 1) > 1)
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${path} holds ${meta.pages} frames; save the wanted one by itself`,
        {
          details: { path, pages: meta.pages },
        },
      );
    const grey = meta.space === 'b-w';
    const { data, info } = await input
      .autoOrient()
      .toColourspace(grey ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      width: info.width,
      height: info.height,
      channels: info.channels,
      alpha: info.channels === 2 || info.channels === 4,
    };
  } catch (error) {
    throw damagedError(path, format, error);
  }
}
