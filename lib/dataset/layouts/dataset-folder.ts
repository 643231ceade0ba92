import { GmisegError } from '../../errors.js';
import { type DatasetCase, type DatasetFolder, subjectOf } from '../case.js';
import { compareCodePoints } from '../split.js';
import type { LayoutOptions } from './layout-options.js';

/** What a layout has to say; the rest is usual. */
export interface FolderContent {
  readonly layout: string;
  readonly path: string;
  readonly labels: ReadonlyMap<number, string>;
  readonly cases: readonly DatasetCase[];
  readonly regions?: ReadonlyMap<string, readonly number[]>;
  readonly ignoreLabel?: number | null;
  readonly maskValues?: ReadonlyMap<number, number> | null;
  readonly snapMasks?: boolean;
}

/**
 * A dataset with its cases sorted by id.
 * @throws GmisegError ERR_DATASET where two cases have one id: the split would take them for one subject
 */
export function datasetFolder(content: FolderContent): DatasetFolder {
  const cases = [...content.cases].sort((a, b) => compareCodePoints(a.id, b.id));
  for (const [at, { id, labelPath }] of cases.entries()) {
    const other = cases[at - 1];
    if (other?.id !== id) continue;
    throw new GmisegError(
      'ERR_DATASET',
      `Two cases have the id ${id}: ${other.labelPath} and ${labelPath}. Keep one of them, or name both in a CSV file (--layout csv).`,
      { details: { case: id, labels: [other.labelPath, labelPath] } },
    );
  }
  return {
    layout: content.layout,
    path: content.path,
    labels: content.labels,
    regions: content.regions ?? new Map(),
    ignoreLabel: content.ignoreLabel ?? null,
    maskValues: content.maskValues ?? null,
    snapMasks: content.snapMasks ?? false,
    count: cases.length,
    cases: () => cases,
  };
}

/** An image with its mask, of which nothing is known but the names. */
export function pairCase(
  id: string,
  imagePath: string,
  labelPath: string,
  options: LayoutOptions,
): DatasetCase {
  return { id, subject: subjectOf(id, options.subject), imagePaths: [imagePath], labelPath, modality: [''] };
}
