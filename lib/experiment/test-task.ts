import type { SliceEntry } from '../dataset/slice-index.js';
import type { SliceStore } from '../dataset/slice-store.js';
import { GmisegError } from '../errors.js';
import { evenly } from '../evenly.js';
import type { DataSetConfig, ExperimentConfig } from './config.js';
import { halves, pixelsWith } from './draws.js';

/** Something to be found on the slices of a data set, from examples: a label or several, across one axis. */
export interface TestTask {
  /** `acdc/left-ventricle-axis2`: a path of file names. */
  readonly id: string;
  /** The data set's name in the config. */
  readonly dataSet: string;
  /** For people. */
  readonly name: string;
  readonly labels: readonly number[];
  readonly store: SliceStore;
  /** What supports are drawn from. */
  readonly pool: readonly SliceEntry[];
  /** The split `val`: what a training for this task alone is judged by. */
  readonly validation: readonly SliceEntry[];
  /** What is asked, the same for every method. */
  readonly queries: readonly SliceEntry[];
}

/** One slice of a task. */
export interface TaskSlice {
  readonly entry: SliceEntry;
  /** `patient003-12` */
  readonly name: string;
  readonly image: {
    readonly data: Uint8Array;
    readonly width: number;
    readonly height: number;
    readonly channels: 1 | 3;
    readonly spacing?: readonly [number, number];
  };
  /** 1 where the target is. */
  readonly mask: { readonly data: Uint8Array; readonly width: number; readonly height: number };
}

/** The tasks of a data set: group x axis. Supports come from the split `train`, queries from `test`. */
export function tasksOf(
  dataSet: string,
  config: DataSetConfig,
  store: SliceStore,
  { queries }: Pick<ExperimentConfig, 'queries'>,
): TestTask[] {
  const entries = store.slices.filter(
    (entry) =>
      (config.dataset === undefined || entry.dataset === config.dataset) &&
      (config.axes === undefined || config.axes.includes(entry.axis as 0 | 1 | 2)),
  );
  const axes = [...new Set(entries.map(({ axis }) => axis))].sort();
  const tasks = groupsOf(config, store, entries).flatMap(({ name, id, labels, among }) =>
    axes.map((axis): TestTask => {
      const usable = among.filter(
        (entry) => entry.axis === axis && pixelsWith(entry, labels) >= config.minPixels,
      );
      const [pool, asked] =
        config.halves === true ? halves(usable) : [bySplit(usable, 'train'), bySplit(usable, 'test')];
      const where = axes.length > 1 ? `-axis${axis}` : '';
      return {
        id: `${dataSet}/${id}${where}`,
        dataSet,
        name: axes.length > 1 ? `${name}, axis ${axis}` : name,
        labels,
        store,
        pool,
        validation: config.halves === true ? [] : bySplit(usable, 'val'),
        queries: evenly(asked, queries),
      };
    }),
  );
  const usable = tasks.filter(({ pool, queries: asked }) => pool.length > 0 && asked.length > 0);
  if (usable.length > 0 && (config.groups === undefined || usable.length === tasks.length)) return usable;
  const lacking = tasks.find((task) => !usable.includes(task));
  const found =
    lacking === undefined
      ? 'no slices'
      : `${lacking.pool.length} slices to draw supports from and ${lacking.queries.length} queries for ${lacking.name}`;
  throw new GmisegError(
    'ERR_DATASET',
    `The data set ${dataSet} (${store.path}) has ${found}. Supports come from the split "train", queries from "test"; ` +
      'import it with a split that has both, name other labels, or say "halves" for a single volume.',
    { details: { dataSet, path: store.path } },
  );
}

interface Group {
  readonly name: string;
  /** As part of a file name, like no other group's. */
  readonly id: string;
  readonly labels: readonly number[];
  readonly among: readonly SliceEntry[];
}

function groupsOf(config: DataSetConfig, store: SliceStore, entries: readonly SliceEntry[]): Group[] {
  const taken = new Set<string>();
  return namedGroups(config, store, entries).map((group) => {
    const short = slug(group.name);
    const id = taken.has(short) ? `${short}-${group.labels.join('+')}-${taken.size}` : short;
    taken.add(id);
    return { ...group, id };
  });
}

function namedGroups(
  { groups }: DataSetConfig,
  store: SliceStore,
  entries: readonly SliceEntry[],
): Omit<Group, 'id'>[] {
  if (groups !== undefined)
    return Object.entries(groups).map(([name, labels]) => ({ name, labels, among: entries }));
  const names = [...new Set(entries.map(({ dataset }) => dataset))];
  return names.flatMap((dataset) => {
    const among = entries.filter((entry) => entry.dataset === dataset);
    const labels = [...new Set(among.flatMap((entry) => Object.keys(entry.labels).map(Number)))];
    return labels
      .sort((a, b) => a - b)
      .map((label) => {
        const own = store.labelName(dataset, label);
        return { name: names.length > 1 ? `${dataset}: ${own}` : own, labels: [label], among };
      });
  });
}

function bySplit(entries: readonly SliceEntry[], split: SliceEntry['split']): SliceEntry[] {
  return entries.filter((entry) => entry.split === split);
}

/** A name as part of a file name. */
function slug(name: string): string {
  return name.replace(/[^A-Za-z0-9.+]+/g, '-').replace(/^-|-$/g, '') || 'x';
}

/** Whose slice it is: names of subjects may come again in another data set of the same store. */
export function subjectOf({ store }: TestTask, { dataset, subject }: SliceEntry): string {
  return store.slices.some((other) => other.dataset !== dataset) ? `${dataset}/${subject}` : subject;
}

/** Reads a slice of a task. */
export async function readSlice(
  { store, labels }: Pick<TestTask, 'store' | 'labels'>,
  entry: SliceEntry,
): Promise<TaskSlice> {
  const { image, mask } = await store.read(entry);
  const { width, height, channels, spacing } = entry;
  return {
    entry,
    name: [entry.case ?? entry.subject, entry.index].join('-'),
    image: { data: image, width, height, channels, ...(spacing === null ? {} : { spacing }) },
    mask: { data: mask.map((value) => (labels.includes(value) ? 1 : 0)), width, height },
  };
}
