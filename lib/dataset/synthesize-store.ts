import { packageRoot } from '../package-root.js';
import { type SyntheticSubject, type SyntheticTraits, synthesize } from '../synthesize.js';
import { SliceStoreWriter } from './slice-store-writer.js';
import { type SplitName, type SplitOptions, splitSubjects } from './split.js';

export interface SynthesizeStoreOptions {
  /** The store's folder; without it nothing is written, and `onSubject` alone sees the pictures. */
  out?: string;
  tasks: number;
  subjects: number;
  size: number;
  seed: number;
  /** The first task's number. Default 0. */
  firstTask?: number;
  split?: SplitOptions;
  /** Replace a store that is there. */
  overwrite?: boolean;
  /** For the provenance. */
  commandLine?: string;
  signal?: AbortSignal;
  onProgress?: (progress: { done: number; total: number; dataset: string }) => void;
  /** Sees every subject as it is made. */
  onSubject?: (subject: SyntheticSubject, task: SynthesizedTask, number: number) => void;
}

/** A task of a store: its label 1. */
export interface SynthesizedTask extends SyntheticTraits {
  /** The task's number and its dataset's name in the store. */
  readonly task: number;
  readonly dataset: string;
  /** Subjects whose mask is empty: they are not in the store. */
  readonly empty: number;
}

export interface SynthesizeStoreSummary {
  readonly store: string | null;
  readonly slices: number;
  readonly tasks: readonly SynthesizedTask[];
}

/** Bytes of pictures to make at a time. */
const PART = 8 * 2 ** 20;

/**
 * Fills a slice store with synthetic tasks, each a dataset of its own with one label. Holds a few pictures at a
 * time; nothing is left behind where it fails or the signal aborts.
 * @throws GmisegError ERR_INVALID_ARG, ERR_DATASET; the signal's reason
 */
export async function synthesizeStore(options: SynthesizeStoreOptions): Promise<SynthesizeStoreSummary> {
  const { out, tasks, subjects, size, seed, firstTask = 0, signal } = options;
  const width = String(Math.max(999, subjects - 1)).length;
  const names = Array.from({ length: subjects }, (_, i) => `s${String(i).padStart(width, '0')}`);
  const sides = splitSubjects(names, options.split);
  const writer =
    out === undefined ? null : await SliceStoreWriter.create(out, { overwrite: options.overwrite ?? false });
  try {
    const made: SynthesizedTask[] = [];
    for (let done = 0; done < tasks; done++) {
      const task = firstTask + done;
      const { traits } = await synthesize({ seed, task, size, count: 0, ...(signal ? { signal } : {}) });
      const dataset = `synth-${traits.family}-${seed}-${String(task).padStart(6, '0')}`;
      options.onProgress?.({ done, total: tasks, dataset });
      const one = { ...traits, task, dataset, empty: 0 };
      writer?.describe(dataset, new Map([[1, traits.border ? `border of ${traits.target}` : traits.target]]));
      const part = Math.max(1, Math.floor(PART / (size * size * 4)));
      for (let first = 0; first < subjects; first += part) {
        const count = Math.min(part, subjects - first);
        const batch = await synthesize({ seed, task, size, first, count, ...(signal ? { signal } : {}) });
        for (const [i, subject] of batch.subjects.entries()) {
          const number = first + i;
          const pixels = subject.mask.reduce((sum, value) => sum + value, 0);
          options.onSubject?.(subject, one, number);
          if (pixels === 0) {
            one.empty += 1;
            continue;
          }
          const name = names[number] as string;
          await writer?.add({
            dataset,
            subject: name,
            axis: 2,
            index: 0,
            spacing: null,
            height: size,
            width: size,
            channels: traits.channels,
            modality: traits.family,
            split: sides.get(name) as SplitName,
            labels: new Map([[1, pixels]]),
            image: subject.image,
            mask: subject.mask,
          });
        }
      }
      made.push(one);
    }
    options.onProgress?.({ done: tasks, total: tasks, dataset: made.at(-1)?.dataset ?? '' });
    signal?.throwIfAborted();
    await writer?.finish({
      command: options.commandLine ?? 'synthesizeStore()',
      created: new Date().toISOString(),
      gmiseg: packageRoot().version,
      source: `synthetic, seed ${seed}`,
      options: {
        tasks,
        subjects,
        size,
        seed,
        firstTask,
        split: { rule: 'every-third-test', valEvery: 5, ...options.split },
      },
    });
    return { store: writer?.path ?? null, slices: writer?.count ?? 0, tasks: made };
  } catch (error) {
    await writer?.abort();
    throw error;
  }
}
