import { createHash } from 'node:crypto';
import path from 'node:path';
import type { WindowChoice } from '../dataset/choose-window.js';
import { importDataset } from '../dataset/import-dataset.js';
import { SliceStore } from '../dataset/slice-store.js';
import { synthesizeStore } from '../dataset/synthesize-store.js';
import { once } from './claim.js';
import type { DataSetConfig, ExperimentConfig } from './config.js';
import { pin } from './pins.js';
import type { RunContext } from './run-context.js';
import { type TestTask, tasksOf } from './test-task.js';

/** The stores of an experiment: opened, or made first below the experiment's folder. */
export class DataSets {
  readonly #context: RunContext;
  readonly #config: ExperimentConfig;
  readonly #open = new Map<string, SliceStore>();

  constructor(context: RunContext, config: ExperimentConfig) {
    this.#context = context;
    this.#config = config;
  }

  /**
   * Makes what is missing and opens all, or those named; where another process is making a store, waits for it.
   */
  async prepare(names: Iterable<string> = this.#all()): Promise<void> {
    for (const name of new Set(names)) {
      const folder = this.folder(name);
      if (this.#dataSet(name).store === undefined) {
        await this.#context.until(`the store ${name}`, () =>
          once(path.join(folder, 'index.json'), this.#context.claim(`store-${name}`), () =>
            this.#make(name, folder),
          ),
        );
      }
      const store = await SliceStore.open(folder);
      this.#open.set(name, store);
      await pin(
        path.join(this.#context.out, 'data', `${name}.json`),
        { slices: store.slices.length, sha256: digest(store) },
        `The data set ${name}`,
        'Bring the old store back, or name another --out.',
      );
    }
  }

  #all(): string[] {
    const { train, test, held, methods } = this.#config;
    const trainedOn = Object.values(methods).flatMap((method) =>
      'data' in method ? (method.data ?? []) : [],
    );
    return [...train, ...test, ...held, ...trainedOn];
  }

  /** Where a data set's store lies. */
  folder(name: string): string {
    const { store } = this.#dataSet(name);
    if (store !== undefined) return this.#context.inData(store, `the data set ${name}`);
    return path.join(this.#context.out, 'stores', name);
  }

  /** The data sets of a store that a training takes; null for all. */
  names(name: string): readonly string[] | null {
    const { dataset } = this.#dataSet(name);
    return dataset === undefined ? null : [dataset];
  }

  tasks(names: readonly string[]): TestTask[] {
    return names.flatMap((name) =>
      tasksOf(name, this.#dataSet(name), this.#open.get(name) as SliceStore, this.#config),
    );
  }

  /** All names of data sets in the store of `name`. */
  contents(name: string): string[] {
    return [...new Set(this.#open.get(name)?.slices.map(({ dataset }) => dataset))];
  }

  async close(): Promise<void> {
    for (const store of this.#open.values()) await store.close();
    this.#open.clear();
  }

  #dataSet(name: string): DataSetConfig {
    return this.#config.datasets[name] as DataSetConfig;
  }

  async #make(name: string, out: string): Promise<void> {
    const { import: source, synth } = this.#dataSet(name);
    const { signal, commandLine, progress } = this.#context;
    if (synth !== undefined) {
      progress.start(`paint ${name}`, synth.tasks);
      await synthesizeStore({
        ...synth,
        firstTask: synth.firstTask ?? 0,
        out,
        commandLine,
        signal,
        overwrite: true,
        onProgress: ({ done, dataset }) => progress.update(done, dataset),
      });
    }
    if (source !== undefined) {
      const { in: folder, labels, window, split, ...settings } = source;
      await importDataset({
        ...(defined(settings) as Pick<typeof settings, 'layout'>),
        ...(labels === undefined ? {} : { labels: labelNames(labels) }),
        ...(window === undefined ? {} : { window: window as WindowChoice }),
        ...(split === undefined ? {} : { split: defined(split) }),
        source: this.#context.inData(folder, `the data set ${name}`),
        datasetName: name,
        out,
        // Whole shards of an import that was stopped are there to go on from.
        resume: true,
        commandLine,
        signal,
        onProgress: ({ done, total, caseId }) => progress.advance(`import ${name}`, total, done, caseId),
      });
    }
    progress.stop();
  }
}

function labelNames(labels: Readonly<Record<string, string>>): Map<number, string> {
  return new Map(Object.entries(labels).map(([value, name]) => [Number(value), name]));
}

/** Without keys that are undefined, which optional settings may not be. */
function defined<T extends object>(settings: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Of everything that decides which slices are drawn and asked. */
function digest({ index }: SliceStore): string {
  const seen = index.slices.map(({ dataset, subject, axis, index: at, width, height, split, labels }) => [
    dataset,
    subject,
    axis,
    at,
    width,
    height,
    split,
    labels,
  ]);
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex');
}
