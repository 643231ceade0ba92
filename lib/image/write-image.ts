import { encode } from 'fast-png';
import { GmisegError } from '../errors.js';
import { writeAtomically } from './atomic-write.js';
import type { Uint8Image } from './intensity.js';

/**
 * Writes an 8-bit picture as PNG, pixel for pixel, whole or not at all.
 * @throws GmisegError ERR_INVALID_ARG (name, size), ERR_IO
 */
export async function writeImage(
  path: string,
  { data, width, height, channels }: Uint8Image,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  if (!/\.png$/i.test(path))
    throw new GmisegError('ERR_INVALID_ARG', `${path} must end in .png to hold a picture`, {
      details: { path },
    });
  if (data.length !== width * height * channels)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `the picture for ${path} has ${data.length} values, not ${width} x ${height} x ${channels}`,
      { details: { path } },
    );
  await writeAtomically(path, [encode({ width, height, data, channels, depth: 8 })], signal);
}
