import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SplitName } from '../../lib/dataset/split.js';
import { writeDrawnStore } from './drawn-store.js';
import { TINY_WEIGHTS } from './models.js';
import { scene } from './tasks.js';

const SPLITS: readonly SplitName[] = ['train', 'train', 'test', 'val', 'train', 'test'];

/** A slice store of bright (label 1) and dark discs (label 2), two slices of each of six subjects. */
export async function writeDiscStore(folder: string, { dataset = 'discs', shift = 0 } = {}): Promise<string> {
  const slices = SPLITS.flatMap((split, number) =>
    [0, 1].map((index) => {
      const at = number + 6 * index + shift;
      const { image, mask } = scene(
        [
          { x: 13 + ((at * 7) % 9), y: 13 + ((at * 5) % 13), r: 6 + (at % 4), label: 1, grey: 200 },
          { x: 36, y: 24 + ((at * 3) % 7), r: 6, label: 2, grey: 20 },
        ],
        { seed: at },
      );
      return {
        subject: `p${number}`,
        index,
        height: image.height,
        width: image.width,
        split,
        image: image.data,
        mask: mask.data,
      };
    }),
  );
  const names = new Map([
    [1, 'bright disc'],
    [2, 'dark disc'],
  ]);
  return await writeDrawnStore(folder, dataset, names, slices);
}

/** A method that needs no training: reference weights with prototypes and prompts. */
export const TINY_METHOD = {
  kind: 'checkpoint',
  model: TINY_WEIGHTS,
  label: 'tiny',
  task: { engine: 'training-free', partner: 'none', view: 'whole', location: 0.5 },
} as const;

/** A training of a few steps on the same weights. */
export function tinyTraining(adapter: Record<string, unknown> | null, steps = 3): Record<string, unknown> {
  return {
    kind: 'trained',
    from: TINY_WEIGHTS,
    task: TINY_METHOD.task,
    train: {
      adapter,
      ...(adapter === null ? { train: 'all' } : { train: ['adapter', 'decoder'] }),
      steps,
      batchSize: 1,
      learningRate: 1e-3,
      warmupSteps: 0,
      validateEvery: 0,
      validateSamples: 1,
      checkpointEvery: 1,
    },
  };
}

/** Two stores below `folder`/data and what all test configs share. */
export async function smallExperiment(folder: string): Promise<{ data: string; base: ExperimentJson }> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  await writeDiscStore(join(data, 'one'));
  await writeDiscStore(join(data, 'two'), { dataset: 'other', shift: 3 });
  return {
    data,
    base: {
      datasets: {
        one: { store: 'one', groups: { bright: [1], both: [1, 2] } },
        two: { store: 'two', groups: { dark: [2] } },
      },
      methods: { tiny: TINY_METHOD, threshold: { kind: 'engine', engine: 'threshold' } },
      test: ['one', 'two'],
      supports: [1, 3],
      draws: 2,
      queries: 3,
      pictures: 2,
      imageSize: 64,
    },
  };
}

export type ExperimentJson = Record<string, unknown>;

export async function writeConfig(folder: string, config: ExperimentJson): Promise<string> {
  const file = join(folder, 'config.json');
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** The results of an experiment's folder by file, without what a clock decides. */
export async function resultsOf(out: string): Promise<Record<string, unknown>> {
  const root = join(out, 'results');
  const files = (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const found: Record<string, unknown> = {};
  for (const file of files) {
    const { seconds, ...result } = JSON.parse(await readFile(file, 'utf8'));
    found[file.slice(root.length + 1)] = { ...result, timed: typeof seconds === 'number' };
  }
  return found;
}
