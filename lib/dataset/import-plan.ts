import { createHash } from 'node:crypto';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import { type Axis, type Orientation, parseOrientation } from '../image/index.js';
import type { DatasetCase, DatasetFolder } from './case.js';
import { caseBytes } from './case-bytes.js';
import type { WindowChoice } from './choose-window.js';
import { openDataset } from './layouts/index.js';
import type { LayoutOptions } from './layouts/layout-options.js';
import type { PrepareOptions } from './prepare-case.js';
import type { SlicePolicy } from './slicing.js';
import { type SplitName, type SplitOptions, splitSubjects } from './split.js';

/** What an import reads and how it cuts. */
export interface ImportSettings extends LayoutOptions {
  /** How the dataset lies on disk: see LAYOUTS. */
  layout: string;
  /** The dataset's folder, or the list of layout `csv`. */
  source: string;
  /** The dataset's name in the store. Default: the folder's name. */
  datasetName?: string;
  /** Default `mid-object`. */
  policy?: SlicePolicy;
  axes?: readonly Axis[];
  /** Default 10 pixels. */
  minArea?: number;
  split?: SplitOptions;
  /** Which image channel of several, by number or name, or `all`, each as slices of its own. Default 0. */
  channel?: number | string;
  /**
   * How grey values become 8 bits. Default `auto`: what the layout suggests, the soft-tissue window for CT, else
   * percentiles of each volume; 8-bit pictures stay as they are.
   */
  window?: WindowChoice;
  /** Turn volumes so that their axes point this way (`RAS`, `LPS`, ...). Default `source`: leave them. */
  orientation?: Orientation | 'source';
  /** Resample slices with unequal spacings to square pixels. Default true. */
  square?: boolean;
  /** The modality of images whose layout names none. */
  modality?: string;
  /** Only the first n cases. */
  limit?: number;
  /** Threads that read and cut cases; 0 (the default) or 1 does without. */
  workers?: number;
}

/** A dataset, opened and split, with everything decided. */
export interface ImportPlan {
  readonly folder: DatasetFolder;
  readonly dataset: string;
  readonly cases: readonly DatasetCase[];
  readonly sides: ReadonlyMap<string, SplitName>;
  readonly prepare: Omit<PrepareOptions, 'slices' | 'facts' | 'preview'>;
  /** What decides the content, as JSON. */
  readonly recorded: Record<string, unknown>;
  /** Equal for equal recorded options over the same cases. */
  readonly key: string;
  /** Bytes of all files on disk, for progress. */
  readonly bytes: number;
}

/**
 * Opens a dataset and decides who is on which side.
 * @throws GmisegError ERR_DATASET, ERR_INVALID_ARG
 */
export async function planImport(settings: ImportSettings): Promise<ImportPlan> {
  const { layout, source, limit, subject, labels, annotator, suffixes } = settings;
  const orientation =
    settings.orientation === undefined || settings.orientation === 'source'
      ? 'source'
      : parseOrientation(settings.orientation);
  const folder = await openDataset(layout, source, {
    ...(subject === undefined ? {} : { subject }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotator === undefined ? {} : { annotator }),
    ...(suffixes === undefined ? {} : { suffixes }),
  });
  const all = [...folder.cases()].map((one) => named(one, settings.modality));
  // The split is over the whole dataset, so that a limited import agrees with a full one.
  const sides = splitSides(all, settings.split);
  const cases = all.slice(0, limit ?? all.length);
  const prepare = {
    channel: settings.channel ?? 0,
    window: settings.window ?? 'auto',
    orientation,
    policy: settings.policy ?? 'mid-object',
    axes: settings.axes ?? ([0, 1, 2] as const),
    minArea: settings.minArea ?? 10,
    square: settings.square ?? true,
    ignoreLabel: folder.ignoreLabel,
  } as const;
  const dataset = settings.datasetName ?? path.basename(folder.path).replace(/\.csv$/i, '');
  const recorded = {
    layout,
    dataset,
    policy: prepare.policy,
    axes: prepare.axes,
    minArea: prepare.minArea,
    split: { rule: 'every-third-test', valEvery: 5, ...settings.split },
    channel: prepare.channel,
    window: prepare.window,
    orientation,
    squarePixels: prepare.square,
    cases: cases.length,
    ...(subject === undefined ? {} : { subject: subject.source }),
    ...(labels === undefined ? {} : { labels: Object.fromEntries(labels) }),
    ...(annotator === undefined ? {} : { annotator }),
    ...(suffixes === undefined ? {} : { suffixes }),
    ...(settings.modality === undefined ? {} : { modality: settings.modality }),
  };
  const sizes = await Promise.all(cases.map(caseBytes));
  const key = createHash('sha256')
    .update(JSON.stringify([folder.path, recorded, cases.map((one, at) => [one.id, sizes[at]])]))
    .digest('hex');
  return {
    folder,
    dataset,
    cases,
    sides,
    prepare,
    recorded,
    key,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

function named(one: DatasetCase, modality: string | undefined): DatasetCase {
  if (modality === undefined || one.modality.some((name) => name !== '')) return one;
  return { ...one, modality: one.imagePaths.map(() => modality) };
}

/** Sides by the rule, but for subjects whose dataset says where they belong. */
function splitSides(cases: readonly DatasetCase[], options?: SplitOptions): Map<string, SplitName> {
  const given = new Map<string, SplitName>();
  for (const { subject, split, id } of cases) {
    if (split === undefined) continue;
    const other = given.get(subject);
    if (other !== undefined && other !== split)
      throw new GmisegError(
        'ERR_DATASET',
        `The subject ${subject} is on two sides, ${other} and ${split} (case ${id}); a subject belongs to one.`,
        { details: { subject, case: id } },
      );
    given.set(subject, split);
  }
  const free = cases.map((one) => one.subject).filter((subject) => !given.has(subject));
  return new Map([...given, ...splitSubjects(free, options)]);
}
