import { GmisegError } from '../errors.js';
import { packageRoot } from '../package-root.js';
import { prepareCases } from './case-pool.js';
import { ImportNotes, type ImportNotesState } from './import-notes.js';
import { type ImportSettings, planImport } from './import-plan.js';
import { ImportClock, type ImportProgress } from './import-progress.js';
import { PreviewSheet } from './preview-sheet.js';
import type { SliceEntry } from './slice-index.js';
import { SliceStoreWriter } from './slice-store-writer.js';
import type { SplitName } from './split.js';
import { countTasks, type TaskRow } from './task-table.js';

export type { ImportProgress } from './import-progress.js';

export interface ImportOptions extends ImportSettings {
  /** The store's folder. */
  out: string;
  /** Replace a store that is there. */
  overwrite?: boolean;
  /** Go on with an import that was stopped; it must have been begun with the same options. */
  resume?: boolean;
  /** Write contact sheets of examples into the store. */
  preview?: boolean;
  /** Bytes after which a shard is written. Default 64 MB. */
  shardBytes?: number;
  /** For the provenance. */
  commandLine?: string;
  signal?: AbortSignal;
  onProgress?: (progress: ImportProgress) => void;
}

export interface ImportSummary {
  readonly store: string;
  readonly dataset: string;
  readonly cases: number;
  readonly slices: number;
  readonly splits: Readonly<Record<SplitName, { subjects: number; slices: number }>>;
  readonly labels: readonly { value: number; name: string; slices: number }[];
  /** Dataset x label x axis. */
  readonly tasks: readonly TaskRow[];
  /** Cases that gave no slice: no label large enough. */
  readonly emptyCases: readonly string[];
  readonly warnings: readonly string[];
  /** Cases that an earlier, stopped import had done. */
  readonly resumedCases: number;
  readonly seconds: number;
  /** Megabytes of the dataset's files a second. */
  readonly rate: number;
}

/** Where an import stands when a shard has been written. */
interface Mark {
  /** The case in hand, and how many of its slices are in the store. */
  readonly case: number;
  readonly slices: number;
  readonly notes: ImportNotesState;
}

/**
 * Turns a labelled dataset into a slice store: reads cases (one per thread at a time), cuts the slices of the
 * policy, windows them to 8 bits (one window for each volume) and writes them with the split by subject. Nothing
 * appears at `out` before all is done. Where it fails or the signal aborts, whole shards stay in `OUT.partial`
 * for `resume`; nothing does where there are none. Throws ERR_DATASET and the readers' errors.
 */
export async function importDataset(options: ImportOptions): Promise<ImportSummary> {
  const { out, signal } = options;
  const plan = await planImport(options);
  const { cases, folder, dataset, sides } = plan;
  let notes = new ImportNotes();
  const place = { case: 0, slices: 0 };
  const writer = await SliceStoreWriter.create(out, {
    overwrite: options.overwrite ?? false,
    journal: {
      key: plan.key,
      resume: options.resume ?? false,
      state: (): Mark => ({ ...place, notes: notes.state() }),
    },
    ...(options.shardBytes === undefined ? {} : { shardBytes: options.shardBytes }),
  });
  try {
    const earlier = writer.resumedState as Mark | undefined;
    notes = new ImportNotes(earlier?.notes);
    const first = earlier?.case ?? 0;
    let alreadyThere = earlier?.slices ?? 0;
    const clock = new ImportClock(plan.bytes);
    const sheet = options.preview === true ? new PreviewSheet(cases) : null;
    const report = (done: number, id: string): void =>
      options.onProgress?.(clock.at(done, cases.length, id, writer.count));
    report(first, cases[first]?.id ?? '');
    const outcomes = prepareCases(
      cases.slice(first),
      folder,
      { ...plan.prepare, slices: true, facts: false, preview: sheet !== null },
      { workers: options.workers ?? 0, ...(signal === undefined ? {} : { signal }) },
    );
    let at = first;
    for await (const outcome of outcomes) {
      if ('error' in outcome) throw outcome.error;
      const { one, prepared } = outcome;
      const split = sides.get(one.subject) as SplitName;
      Object.assign(place, { case: at, slices: alreadyThere });
      // A case in the middle of which an earlier import stopped: its first slices are in the store.
      for (const slice of prepared.slices.slice(alreadyThere)) {
        signal?.throwIfAborted();
        await writer.add({ ...slice, dataset, split });
        place.slices += 1;
      }
      alreadyThere = 0;
      notes.add(one.id, prepared);
      sheet?.add(prepared);
      clock.add(prepared.bytes);
      at += 1;
      report(at, (cases[at] ?? one).id);
    }
    signal?.throwIfAborted();
    const labels = notes.labels(folder.labels);
    writer.describe(dataset, labels, folder.regions);
    await sheet?.write(writer.folder, dataset, labels);
    const { slices } = writer;
    await writer.finish({
      command: options.commandLine ?? 'importDataset()',
      created: new Date().toISOString(),
      gmiseg: packageRoot().version,
      source: folder.path,
      options: plan.recorded,
      subjects: sidesBySubject(sides),
    });
    return {
      ...countSlices(slices, labels),
      store: writer.path,
      dataset,
      cases: cases.length,
      emptyCases: notes.emptyCases,
      warnings: notes.lines(),
      resumedCases: first,
      seconds: clock.seconds,
      rate: clock.at(at, cases.length, '', 0).rate,
    };
  } catch (error) {
    const kept = await writer.abort();
    if (kept && error instanceof GmisegError) {
      throw new GmisegError(
        error.code,
        `${error.message} What was done is kept in ${writer.folder}; --resume goes on from there.`,
        { cause: error, details: error.details },
      );
    }
    throw error;
  }
}

/** Who is on which side, for whoever has to use the same split. */
function sidesBySubject(sides: ReadonlyMap<string, SplitName>): Record<SplitName, string[]> {
  const named: Record<SplitName, string[]> = { train: [], val: [], test: [] };
  for (const subject of [...sides.keys()].sort()) named[sides.get(subject)!].push(subject);
  return named;
}

function countSlices(
  entries: readonly SliceEntry[],
  names: ReadonlyMap<number, string>,
): Pick<ImportSummary, 'slices' | 'splits' | 'labels' | 'tasks'> {
  const subjects: Record<SplitName, Set<string>> = { train: new Set(), val: new Set(), test: new Set() };
  const counts: Record<SplitName, number> = { train: 0, val: 0, test: 0 };
  const labels = new Map<number, number>();
  for (const entry of entries) {
    subjects[entry.split].add(entry.subject);
    counts[entry.split] += 1;
    for (const value of Object.keys(entry.labels).map(Number))
      labels.set(value, (labels.get(value) ?? 0) + 1);
  }
  const nameOf = (value: number): string => names.get(value) ?? `label ${value}`;
  const side = (name: SplitName): { subjects: number; slices: number } => ({
    subjects: subjects[name].size,
    slices: counts[name],
  });
  return {
    slices: entries.length,
    splits: { train: side('train'), val: side('val'), test: side('test') },
    labels: [...labels]
      .sort(([a], [b]) => a - b)
      .map(([value, slices]) => ({ value, name: nameOf(value), slices })),
    tasks: countTasks(
      entries.map(({ dataset, axis, split, labels: shown }) => ({
        dataset,
        axis: axis as 0 | 1 | 2,
        split,
        labels: Object.keys(shown).map(Number),
      })),
      (_, value) => nameOf(value),
    ),
  };
}
