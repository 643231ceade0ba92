import { readFile } from 'node:fs/promises';
import { GmisegError } from '../errors.js';
import { readAllBytes } from './file-bytes.js';
import { rasterToImage } from './raster.js';
import { decodeTiff } from './tiff.js';
import { readTiffPages, TAG, tagValue } from './tiff-tags.js';
import type { Affine, PixelArray, Volume } from './types.js';

/** Pages that are pictures: thumbnails, pyramid levels and transparency masks do not count. */
function pageCount(bytes: Buffer): number {
  try {
    return readTiffPages(bytes).filter((page) => (tagValue(page, TAG.subfileType, 0) & 0b101) === 0).length;
  } catch {
    // Damage is reported by whoever decodes it.
    return 1;
  }
}

/** Whether a TIFF file holds a stack of pages rather than one picture. */
export async function isTiffStack(path: string): Promise<boolean> {
  return pageCount(await readAllBytes(path)) > 1;
}

/** Voxel sizes from `NAME.json` beside `NAME.tif`, as nnU-Net keeps them: {"spacing": [z, y, x]}. */
async function spacingBeside(path: string): Promise<[number, number, number] | null> {
  const file = path.replace(/(\.ome)?\.tiff?(\.gz)?$/i, '.json');
  if (file === path) return null;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    return null;
  }
  try {
    const { spacing } = JSON.parse(text) as { spacing?: unknown };
    if (
      Array.isArray(spacing) &&
      spacing.length === 3 &&
      spacing.every((size) => typeof size === 'number' && size > 0 && Number.isFinite(size))
    )
      return [spacing[2], spacing[1], spacing[0]];
  } catch {
    // Falls through to the error below.
  }
  throw new GmisegError(
    'ERR_IMAGE_FORMAT',
    `${file} must hold {"spacing": [z, y, x]}, three sizes in millimetres, to go with ${path}`,
    { details: { path: file } },
  );
}

/**
 * Reads the pages of a TIFF as slices across the last axis; colours are frames. Rows run along j. Where no file
 * says how large voxels are they count as 1 mm, with a warning.
 */
export async function readTiffStack(path: string, signal?: AbortSignal): Promise<Volume> {
  const bytes = await readAllBytes(path);
  const pages = pageCount(bytes);
  let data: PixelArray | undefined;
  let [width, height, channels] = [0, 0, 1];
  for (let page = 0; page < pages; page++) {
    signal?.throwIfAborted();
    const image = rasterToImage(await decodeTiff(bytes, path, page), path);
    if (data === undefined) {
      ({ width, height, channels } = image);
      data = new (image.data.constructor as Uint8ArrayConstructor)(
        width * height * pages * channels,
      ) as PixelArray;
    }
    if (image.width !== width || image.height !== height || image.channels !== channels)
      throw new GmisegError(
        'ERR_IMAGE_FORMAT',
        `${path}: page ${page} is ${image.width} x ${image.height}, page 0 ${width} x ${height}; pages of a volume have one size. Choose one with readImage(path, { page })`,
        { details: { path, page } },
      );
    const area = width * height;
    for (let c = 0; c < channels; c++) {
      const start = (c * pages + page) * area;
      for (let p = 0; p < area; p++) data[start + p] = image.data[p * channels + c]!;
    }
  }
  const known = await spacingBeside(path);
  const spacing = known ?? [1, 1, 1];
  const affine: Affine = [spacing[0], 0, 0, 0, 0, spacing[1], 0, 0, 0, 0, spacing[2], 0, 0, 0, 0, 1];
  return {
    data: data!,
    shape: [width, height, pages],
    frames: channels,
    ...(channels === 3 ? { colour: true as const } : {}),
    spacing,
    affine,
    source: {
      format: 'tiff',
      path,
      warnings:
        known === null
          ? ['the TIFF does not say how large voxels are; 1 mm is assumed. A NAME.json beside it may tell']
          : [],
    },
  };
}
