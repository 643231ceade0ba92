import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { GmisegError } from '../errors.js';
import { type SortedSeries, sortSeries } from './dicom-series.js';
import { readDicomTags } from './dicom-tags.js';
import { type ItkImage, volumeFromItk } from './itk-image.js';
import type { ItkSource, Volume } from './types.js';
import { WasmJobError, wasmJob } from './wasm-job.js';

export interface ReadDicomOptions {
  /** SeriesInstanceUID, for a folder of several series. */
  readonly series?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a DICOM series (a folder; slices sorted by position, whatever the files are called) or a single file,
 * in any transfer syntax that GDCM decodes. Values are rescaled (Hounsfield units for CT).
 * @throws GmisegError ERR_IMAGE_FORMAT (see sortSeries; pixels that do not decode; a package is missing)
 */
export async function readDicom(path: string, options: ReadDicomOptions = {}): Promise<Volume> {
  const { signal } = options;
  const folder = (await stat(path)).isDirectory();
  const found: SortedSeries = folder
    ? await sortSeries(path, options.series)
    : { slices: [await readDicomTags(path)], warnings: [] };
  signal?.throwIfAborted();
  const files = found.slices.map((slice) => resolve(slice.path));
  let image: ItkImage;
  try {
    ({ outputImage: image } = await wasmJob<{ outputImage: ItkImage }>(
      {
        package: '@itk-wasm/dicom',
        name: 'readImageDicomFileSeriesNode',
        args: [{ inputImages: files, singleSortedSeries: true }],
      },
      `reading the DICOM series ${path}`,
      signal,
    ));
  } catch (cause) {
    if (!(cause instanceof WasmJobError)) throw cause;
    throw new GmisegError(
      'ERR_IMAGE_FORMAT',
      `${path} is DICOM whose pixels cannot be decoded; is a file cut short? Convert it with dcm2niix or export it again`,
      { cause, details: { path } },
    );
  }
  const volume = volumeFromItk(image, path, { format: 'dicom', warnings: found.warnings });
  const first = found.slices[0]!;
  const series = {
    uid: first.seriesUid,
    modality: first.modality,
    files,
    identified: found.slices.every((slice) => slice.instanceUid !== '' && slice.studyUid !== ''),
  };
  return { ...volume, source: { ...(volume.source as ItkSource), series } };
}
