import path from 'node:path';
import type { Axis, IntensityWindow } from '../image/index.js';
import { packageRoot } from '../package-root.js';
import type { DatasetCase, DatasetFolder } from './case.js';
import { openDataset } from './layouts/index.js';
import { loadCase } from './load-case.js';
import { type SliceRecord, SliceStoreWriter } from './slice-store-writer.js';
import { chooseSlices, profileLabels, type SlicePolicy } from './slicing.js';
import { type SplitName, type SplitOptions, splitSubjects } from './split.js';
import { toSquarePixels } from './square-pixels.js';

export interface ImportOptions {
  /** `nnunet` or `folders`. */
  layout: string;
  /** The dataset's folder. */
  source: string;
  /** The store's folder. */
  out: string;
  /** The dataset's name in the store. Default: the folder's name. */
  datasetName?: string;
  /** Default `mid-object`. */
  policy?: SlicePolicy;
  axes?: readonly Axis[];
  /** Default 10 pixels. */
  minArea?: number;
  split?: SplitOptions;
  /** Which image channel of several, or all, each as slices of its own. Default 0. */
  channel?: number | 'all';
  /** How grey values become 8 bits. Default: percentiles of each volume; 8-bit pictures stay as they are. */
  window?: IntensityWindow;
  /** Resample slices with unequal spacings to square pixels. Default true. */
  square?: boolean;
  /** What the greys of the masks mean (layout `folders`). */
  labels?: ReadonlyMap<number, string>;
  /** Subject of a case id: the first capture group. */
  subject?: RegExp;
  /** Only the first n cases. */
  limit?: number;
  /** Replace a store that is there. */
  overwrite?: boolean;
  /** For the provenance. */
  commandLine?: string;
  signal?: AbortSignal;
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportProgress {
  /** Cases done so far, of `total`. */
  readonly done: number;
  readonly total: number;
  /** The case that comes next, or came last. */
  readonly caseId: string;
  /** Slices written so far. */
  readonly slices: number;
}

export interface ImportSummary {
  readonly store: string;
  readonly dataset: string;
  readonly cases: number;
  readonly slices: number;
  readonly splits: Readonly<Record<SplitName, { subjects: number; slices: number }>>;
  readonly labels: readonly { value: number; name: string; slices: number }[];
  /** Cases that gave no slice: no label large enough. */
  readonly emptyCases: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Turns a labelled dataset into a slice store: reads one case at a time, cuts the
 * slices of the policy, windows them to 8 bits (one window for each volume) and
 * writes them with the split by subject. Nothing is left behind where it fails or
 * the signal aborts. Throws ERR_DATASET and the readers' errors.
 */
export async function importDataset(options: ImportOptions): Promise<ImportSummary> {
  const { layout, source, out, signal, subject, labels } = options;
  const folder = await openDataset(layout, source, {
    ...(subject === undefined ? {} : { subject }),
    ...(labels === undefined ? {} : { labels }),
  });
  const dataset = options.datasetName ?? path.basename(folder.path);
  const all = [...folder.cases()];
  // The split is over the whole dataset, so that a limited import agrees with a full one.
  const sides = splitSubjects(
    all.map((one) => one.subject),
    options.split,
  );
  const cases = all.slice(0, options.limit ?? all.length);
  const writer = await SliceStoreWriter.create(out, { overwrite: options.overwrite ?? false });
  try {
    writer.describe(dataset, folder.labels, folder.regions);
    const tally = new Tally();
    for (const [done, one] of cases.entries()) {
      signal?.throwIfAborted();
      options.onProgress?.({ done, total: cases.length, caseId: one.id, slices: writer.count });
      await importCase(one, folder, dataset, sides.get(one.subject) as SplitName, options, writer, tally);
    }
    signal?.throwIfAborted();
    options.onProgress?.({
      done: cases.length,
      total: cases.length,
      caseId: cases.at(-1)?.id ?? '',
      slices: writer.count,
    });
    await writer.finish({
      command: options.commandLine ?? 'importDataset()',
      created: new Date().toISOString(),
      gmiseg: packageRoot().version,
      source: folder.path,
      options: recordedOptions(options, cases.length),
    });
    return tally.summary(writer, dataset, cases.length, folder.labels);
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** What decides the store's content, as JSON. */
function recordedOptions(options: ImportOptions, cases: number): Record<string, unknown> {
  return {
    layout: options.layout,
    policy: options.policy ?? 'mid-object',
    axes: options.axes ?? [0, 1, 2],
    minArea: options.minArea ?? 10,
    split: { rule: 'every-third-test', valEvery: 5, ...options.split },
    channel: options.channel ?? 0,
    window: options.window ?? 'percentile',
    squarePixels: options.square ?? true,
    cases,
    ...(options.subject === undefined ? {} : { subject: options.subject.source }),
  };
}

async function importCase(
  one: DatasetCase,
  folder: DatasetFolder,
  dataset: string,
  split: SplitName,
  options: ImportOptions,
  writer: SliceStoreWriter,
  tally: Tally,
): Promise<void> {
  const { signal, window, axes, policy, minArea } = options;
  const loaded = await loadCase(one, folder, {
    channel: options.channel ?? 0,
    ...(window === undefined ? {} : { window }),
    ...(signal === undefined ? {} : { signal }),
  });
  tally.warn(one.id, loaded.warnings);
  const profile = profileLabels(loaded.labels, loaded.shape);
  const chosen = chooseSlices(profile, loaded.shape, {
    ignoreLabel: folder.ignoreLabel,
    ...(policy === undefined ? {} : { policy }),
    ...(axes === undefined ? {} : { axes }),
    ...(minArea === undefined ? {} : { minArea }),
  });
  if (chosen.length === 0) tally.emptyCases.push(one.id);
  for (const { axis, index, labels } of chosen) {
    signal?.throwIfAborted();
    for (const channel of loaded.channels) {
      const cut = loaded.cut(channel, axis, index);
      const stored = (options.square ?? true) ? toSquarePixels(cut) : cut;
      const record: SliceRecord = {
        ...stored,
        dataset,
        subject: one.subject,
        case: one.id,
        axis,
        index,
        modality: channel.modality,
        split,
        labels: stored === cut ? labels : recount(stored.mask, labels),
        ...(stored === cut || cut.spacing === null
          ? {}
          : {
              resampled: {
                height: cut.height,
                width: cut.width,
                spacing: [cut.spacing[0], cut.spacing[1]] as [number, number],
              },
            }),
      };
      await writer.add(record);
      tally.add(record);
    }
  }
}

/** The pixels of the same labels on the resampled grid. */
function recount(mask: Uint8Array, labels: ReadonlyMap<number, number>): Map<number, number> {
  const counts = new Map([...labels.keys()].map((value) => [value, 0]));
  for (const value of mask) {
    const count = counts.get(value);
    if (count !== undefined) counts.set(value, count + 1);
  }
  return counts;
}

/** Counts for the summary. */
class Tally {
  readonly emptyCases: string[] = [];
  private readonly warnings = new Map<string, string[]>();
  private readonly subjects: Record<SplitName, Set<string>> = {
    train: new Set(),
    val: new Set(),
    test: new Set(),
  };
  private readonly slices: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
  private readonly labels = new Map<number, number>();

  add(record: SliceRecord): void {
    this.subjects[record.split].add(record.subject);
    this.slices[record.split] += 1;
    for (const value of record.labels.keys()) this.labels.set(value, (this.labels.get(value) ?? 0) + 1);
  }

  warn(caseId: string, warnings: readonly string[]): void {
    for (const warning of warnings)
      this.warnings.set(warning, [...(this.warnings.get(warning) ?? []), caseId]);
  }

  summary(
    writer: SliceStoreWriter,
    dataset: string,
    cases: number,
    names: ReadonlyMap<number, string>,
  ): ImportSummary {
    const side = (name: SplitName): { subjects: number; slices: number } => ({
      subjects: this.subjects[name].size,
      slices: this.slices[name],
    });
    const warnings = [...this.warnings].map(([text, ids]) =>
      ids.length === 1 ? `${ids[0]}: ${text}` : `${ids[0]} and ${ids.length - 1} more: ${text}`,
    );
    if (this.emptyCases.length > 0) {
      warnings.push(
        `${this.emptyCases.length} cases gave no slice, their labels are too small: ${this.emptyCases.slice(0, 5).join(', ')}`,
      );
    }
    return {
      store: writer.path,
      dataset,
      cases,
      slices: writer.count,
      splits: { train: side('train'), val: side('val'), test: side('test') },
      labels: [...this.labels]
        .sort(([a], [b]) => a - b)
        .map(([value, slices]) => ({ value, name: names.get(value) ?? `label ${value}`, slices })),
      emptyCases: this.emptyCases,
      warnings,
    };
  }
}
