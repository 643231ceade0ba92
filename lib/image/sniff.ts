import { stat } from 'node:fs/promises';
import { withoutEnding } from './base-name.js';
import { holdsDicom } from './dicom-series.js';
import { readHead } from './file-bytes.js';
import { detectFormat, type ImageFormat, isPictureFormat, isVolumeFormat } from './formats.js';
import { headerPathOfImg } from './nifti-pair.js';
import { isTiffStack } from './tiff-stack.js';

/**
 * What a file is, by its content (gzip is looked through), never by its name. The one exception is the
 * `.img` half of a NIfTI pair, which has no header: it counts as what the `.hdr` beside it says.
 * A directory of DICOM files counts as DICOM.
 * @throws GmisegError ERR_IMAGE_NOT_FOUND, ERR_IMAGE_FORMAT for another directory, ERR_IO
 */
export async function sniffFormat(path: string): Promise<ImageFormat> {
  const folder = typeof path === 'string' && (await stat(path).catch(() => null))?.isDirectory() === true;
  if (folder && (await holdsDicom(path))) return 'dicom';
  const format = detectFormat((await readHead(path)).head);
  if (format !== 'unknown') return format;
  const header = await headerPathOfImg(path);
  if (header === undefined || !(await stat(header)).isFile()) return format;
  const beside = detectFormat((await readHead(header)).head);
  return isVolumeFormat(beside) ? beside : format;
}

/** Whether a file is the voxels of a pair, which is read by the `.hdr` beside it. */
export async function isHalfOfPair(path: string): Promise<boolean> {
  return (await headerPathOfImg(path)) !== undefined;
}

/**
 * Whether a file or folder among others is meant as an image: by its ending, so that a broken one is noticed, or by
 * its content. What lies beside images is none: voxels of a pair or of a header, notes, tables.
 */
export async function isMeantAsImage(path: string): Promise<boolean> {
  if (await isHalfOfPair(path)) return false;
  if (withoutEnding(path) !== path) return true;
  const format = await sniffFormat(path).catch(() => 'unknown' as const);
  return isPictureFormat(format) || isVolumeFormat(format);
}

/**
 * Whether a file is a volume rather than a 2-D picture, by content; a TIFF of several pages is one.
 * @throws GmisegError as sniffFormat
 */
export async function isVolumePath(path: string): Promise<boolean> {
  const format = await sniffFormat(path);
  return isVolumeFormat(format) || (format === 'tiff' && (await isTiffStack(path)));
}
