/** What a dataset layout yields: one labelled image or volume, still on disk. */
export interface DatasetCase {
  /** Unique in the dataset: `patient001_frame01`. */
  readonly id: string;
  /** Whose image it is; a split never puts one subject on two sides: `patient001`. */
  readonly subject: string;
  /** One file per channel, in the order of the channels. */
  readonly imagePaths: readonly string[];
  readonly labelPath: string;
  /** One name per file of `imagePaths`: `cine-MRI`, `CT`, `RGB`; '' where nobody said. */
  readonly modality: readonly string[];
}

/** A labelled dataset on disk, opened but not read. */
export interface DatasetFolder {
  readonly layout: string;
  readonly path: string;
  /** Label value to name, background left out. */
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
