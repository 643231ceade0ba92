import { GmisegError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { writeThrough } from './atomic-write.js';
import { maskToItk } from './itk-image.js';
import { LABEL_COLOURS } from './label-names.js';
import type { MaskVolume, Volume } from './types.js';
import { wasmJob } from './wasm-job.js';

/** SNOMED CT "anatomical structure": nobody tells us what a label is in a coded vocabulary. */
const ANATOMY = {
  CodeValue: '123037004',
  CodingSchemeDesignator: 'SCT',
  CodeMeaning: 'Anatomical Structure',
};
/** DICOM's short and long strings end here. */
const LONG_STRING = 64;

function describe(labels: readonly number[], names: ReadonlyMap<number, string>): object {
  return {
    ContentCreatorName: 'gmiseg',
    ContentLabel: 'SEGMENTATION',
    ContentDescription: `gmiseg ${packageRoot().version}`,
    ClinicalTrialSeriesID: '1',
    ClinicalTrialTimePointID: '1',
    SeriesDescription: 'Segmentation by gmiseg',
    SeriesNumber: '300',
    InstanceNumber: '1',
    segmentAttributes: [
      labels.map((label, i) => ({
        labelID: label,
        SegmentLabel: (names.get(label) ?? `label ${label}`).slice(0, LONG_STRING),
        SegmentDescription: (names.get(label) ?? `label ${label}`).slice(0, LONG_STRING),
        SegmentAlgorithmType: 'AUTOMATIC',
        SegmentAlgorithmName: 'gmiseg',
        SegmentedPropertyCategoryCodeSequence: ANATOMY,
        SegmentedPropertyTypeCodeSequence: ANATOMY,
        recommendedDisplayRGBValue: [...LABEL_COLOURS[i % LABEL_COLOURS.length]!],
      })),
    ],
  };
}

/**
 * Writes a label map as a DICOM segmentation object of the series that `like` was read from: patient, study and
 * frame of reference are the series', each label is a segment. The file appears whole or not at all.
 * @throws GmisegError ERR_INVALID_ARG where `like` is no DICOM series or the mask is empty; ERR_IO;
 *   ERR_IMAGE_FORMAT where @itk-wasm/dicom is not installed
 */
export async function writeDicomSegmentation(
  path: string,
  mask: MaskVolume,
  like: Volume,
  names: ReadonlyMap<number, string>,
  signal?: AbortSignal,
): Promise<void> {
  const series = like.source?.format === 'dicom' ? like.source.series : undefined;
  if (series === undefined)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${path}: a DICOM segmentation refers to a DICOM series, and this volume was not read from one; write .nii.gz instead`,
      { details: { path } },
    );
  if (!series.identified)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${path}: the series ${like.source?.path ?? ''} has no study or instance UIDs (anonymised away?), which a DICOM segmentation has to name; write .nii.gz instead`,
      { details: { path } },
    );
  // dcmqi loses bits where a frame does not end on a whole byte: wrong masks are worse than none.
  if ((mask.shape[0] * mask.shape[1]) % 8 !== 0)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${path}: slices of ${mask.shape[0]} x ${mask.shape[1]} pixels, not a multiple of 8, cannot be written as a DICOM segmentation; write .nii.gz instead`,
      { details: { path, shape: mask.shape } },
    );
  const labels = [...new Set(mask.data)].filter((label) => label !== 0).sort((a, b) => a - b);
  if (labels.length === 0)
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `${path}: the mask is empty, and a DICOM segmentation needs a segment; write .nii.gz instead`,
      { details: { path } },
    );
  // dcmqi looks for labels in signed 16-bit voxels.
  const image = maskToItk({ data: Int16Array.from(mask.data), shape: mask.shape }, like);
  const options = { refDicomSeries: [...series.files], skipEmptySlices: true };
  await writeThrough(
    path,
    async (temporary) => {
      const args = [image, describe(labels, names), temporary, options];
      const call = { package: '@itk-wasm/dicom', name: 'writeSegmentationNode', args };
      await wasmJob(call, `writing ${path}`, signal);
    },
    () => ' as a DICOM segmentation; write .nii.gz instead',
    signal,
  );
}
