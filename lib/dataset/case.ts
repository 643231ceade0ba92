import type { IntensityWindow } from '../image/intensity.js';
import type { SplitName } from './split.js';

/** What a dataset layout yields: one labelled image or volume, still on disk. */
export interface DatasetCase {
  /** Unique in the dataset: `patient001_frame01`. */
  readonly id: string;
  /** Whose image it is; a split never puts one subject on two sides: `patient001`. */
  readonly subject: string;
  /**
   * One file per channel, in the order of the channels; or one file whose frames are the channels, as many as
   * `modality` has names. A folder is a DICOM series.
   */
  readonly imagePaths: readonly string[];
  readonly labelPath: string;
  /** One name per channel: `cine-MRI`, `CT`, `RGB`; '' where nobody said. */
  readonly modality: readonly string[];
  /** Image and label are arrays of these names in one .npz or .h5 file, slices first. */
  readonly arrays?: { readonly image: string; readonly label: string };
  /** Channels (by number) that may lie on a grid of their own and are resampled to the mask's. */
  readonly resample?: readonly number[];
  /** What the layout knows of the intensities; the user's own window goes first. */
  readonly window?: IntensityWindow;
  /** The side that the dataset's makers put the subject on; it goes before the split rule. */
  readonly split?: SplitName;
  /** What else is known of the scan, for reports: cardiac phase, diagnosis. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** A labelled dataset on disk, opened but not read. */
export interface DatasetFolder {
  readonly layout: string;
  readonly path: string;
  /** Label value to name, background left out. Values without a name may be named by the files themselves. */
  readonly labels: ReadonlyMap<number, string>;
  /** Named unions of label values (nnU-Net regions); often empty. */
  readonly regions: ReadonlyMap<string, readonly number[]>;
  /** A label value whose pixels nobody judged, or null. It never becomes a target. */
  readonly ignoreLabel: number | null;
  /**
   * Grey values of the mask files that stand for label values, where they
   * differ; null means that masks hold label values as they are.
   */
  readonly maskValues: ReadonlyMap<number, number> | null;
  /** Snap stray grey values to the nearest known one instead of refusing them. */
  readonly snapMasks: boolean;
  /** How many cases `cases()` yields. */
  readonly count: number;
  /** The cases, sorted by id. */
  cases(): Iterable<DatasetCase>;
}

/**
 * The subject of a case, as far as its name tells: a trailing frame, phase,
 * time point, visit, session or slice is cut off (`patient001_frame12` ->
 * `patient001`). With `pattern` the first capture group decides, and a case
 * that it does not match stays its own subject.
 */
export function subjectOf(caseId: string, pattern?: RegExp): string {
  if (pattern !== undefined) {
    const match = pattern.exec(caseId);
    return match?.[1] ?? match?.[0] ?? caseId;
  }
  const stripped = caseId.replace(/([_-](frame|phase|time|tp|visit|ses|session|slice)[_-]?[0-9]+)+$/i, '');
  return stripped === '' ? caseId : stripped;
}
