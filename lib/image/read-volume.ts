import { readDicom } from './dicom-read.js';
import { wrongFormatError } from './formats.js';
import { readItkVolume } from './itk-files.js';
import { readNifti } from './read-nifti.js';
import { sniffFormat } from './sniff.js';
import { readTiffStack } from './tiff-stack.js';
import type { Volume } from './types.js';

export interface ReadVolumeOptions {
  /** Stops the reading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Which DICOM series of a folder that holds several: its SeriesInstanceUID. */
  readonly series?: string;
}

/**
 * Reads a volume; the content decides on the format, not the name.
 *
 * - NIfTI-1 and -2, both halves of a pair, gzipped or not, both byte orders: see readNifti.
 * - NRRD (.nrrd, .nhdr) and MetaImage (.mha, .mhd).
 * - DICOM: a folder is a series, sorted by position; a file is itself, one slice or several frames.
 * - TIFF: pages are slices; a file `NAME.json` beside it may give `{"spacing": [z, y, x]}` in millimetres.
 *
 * Affine and spacing are in millimetres, RAS+. Further axes, channels and colours are frames.
 * `source.warnings` says what a user should know.
 *
 * @throws GmisegError ERR_IMAGE_NOT_FOUND; ERR_IMAGE_FORMAT (no volume, damaged, cut short, a directory without
 *   DICOM files, several series, an optional package is missing); ERR_OUT_OF_MEMORY; ERR_IO. An abort rejects
 *   with the signal's reason.
 */
export async function readVolume(path: string, options: ReadVolumeOptions = {}): Promise<Volume> {
  const { signal, series } = options;
  signal?.throwIfAborted();
  const format = await sniffFormat(path);
  switch (format) {
    case 'nrrd':
    case 'metaimage':
      return await readItkVolume(path, format, signal);
    case 'dicom':
      return await readDicom(path, { ...(series === undefined ? {} : { series }), signal });
    case 'tiff':
      return await readTiffStack(path, signal);
    case 'nifti':
    case 'unknown':
    case 'analyze':
      return await readNifti(path, signal);
    default:
      throw wrongFormatError(path, format, 'volume');
  }
}
