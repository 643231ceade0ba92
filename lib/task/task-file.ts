import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NativeTask } from '../../types/native.js';
import { GmisegError } from '../errors.js';
import type { Axis } from '../image/index.js';
import { toPath } from '../load-options.js';
import { packageRoot } from '../package-root.js';
import { invalid } from '../validate.js';
import type { ExampleWarning, PreparedExample } from './example.js';
import { FittedLabel, PASSES, type Part } from './fit.js';
import type { TaskHost, Work } from './host.js';
import type { TaskSettings } from './options.js';
import type { Recipe } from './recipe.js';
import { closeSections, type LabelState, type Section, type TaskState, type TrialSummary } from './state.js';
import { type TaskBlob, TaskContainer, writeContainer } from './task-container.js';
import { parseTaskMeta, type TaskMeta } from './task-meta.js';

/** What is saved of an example whose pixels are not. */
export type ExampleNote = TaskMeta['examples'][number];

/** A task in memory, as it goes into a file and comes out of one. */
export interface StoredTask {
  readonly settings: TaskSettings;
  readonly state: TaskState;
  readonly axes: readonly Axis[] | null;
  /** Null: their pixels are not there. */
  readonly examples: readonly PreparedExample[] | null;
  readonly notes: readonly ExampleNote[];
  readonly warnings: readonly ExampleWarning[];
  readonly created: string;
}

const blobName = (section: number, value: number, part: Part): string =>
  `sections.${section}.${value}.${part}`;

/** Writes the task to one file. */
export async function saveTask(
  work: Work,
  host: TaskHost,
  task: StoredTask,
  path: string,
  withExamples: boolean,
): Promise<void> {
  const blobs: TaskBlob[] = [];
  await inScratch(async (folder) => {
    for (const [at, section] of task.state.sections.entries()) {
      for (const { value, fitted } of section.labels) {
        for (const [part, native] of fitted.parts) {
          const name = blobName(at, value, part);
          const file = join(folder, 'part.safetensors');
          await work.save(native, '{}', file);
          const data = new Uint8Array(await readFile(file));
          blobs.push({ name, shape: [data.length], data });
        }
      }
    }
  });
  if (withExamples) {
    for (const [at, { picture, mask }] of (task.examples ?? []).entries()) {
      const { height, width, channels, data } = picture;
      blobs.push({ name: `examples.${at}.image`, shape: [height, width, channels], data });
      blobs.push({ name: `examples.${at}.mask`, shape: [height, width], data: mask });
    }
  }
  await writeContainer(path, metaOf(host, task, withExamples), blobs, work.cancellation.signal);
}

function metaOf({ info }: TaskHost, task: StoredTask, withExamples: boolean): TaskMeta {
  return {
    format: 'gmiseg-task',
    version: 1,
    gmiseg: packageRoot().version,
    created: task.created,
    model: {
      variant: info.variant,
      imageSize: info.imageSize,
      sha256: info.checkpoint?.sha256 ?? null,
      adapter: info.adapter?.kind ?? null,
    },
    labels: [...task.state.labels],
    channels: task.state.channels,
    settings: task.settings as unknown as TaskMeta['settings'],
    axes: task.axes === null ? null : [...task.axes],
    sections: task.state.sections.map(({ axis, labels }) => ({
      axis,
      labels: labels.map(({ value, fitted, trials }) => ({
        value,
        recipe: fitted.recipe as TaskMeta['sections'][number]['labels'][number]['recipe'],
        parts: [...fitted.parts.keys()],
        trials: trials as TaskMeta['sections'][number]['labels'][number]['trials'],
      })),
    })),
    examples: task.examples === null ? [...task.notes] : task.examples.map(noteOf),
    warnings: [...task.warnings],
    withExamples,
  };
}

function noteOf({ name, source, group, axis, index, digest, picture }: PreparedExample): ExampleNote {
  const { width, height, channels, sourceWidth, sourceHeight } = picture;
  return { name, source, group, axis, index, digest, width, height, channels, sourceWidth, sourceHeight };
}

/** What a task's file says, without a model. @throws GmisegError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT, ERR_IO */
export async function readTaskMeta(path: string): Promise<TaskMeta> {
  await using file = await TaskContainer.open(path);
  return parseTaskMeta(file.meta, path);
}

/** Reads a task's file for a model. */
export async function loadTask(work: Work, path: string): Promise<StoredTask> {
  await using container = await TaskContainer.open(path);
  const meta = parseTaskMeta(container.meta, path);
  const take = async (name: string, ...shape: number[]): Promise<Uint8Array> => {
    work.cancellation.throwIfCancelled();
    const blob = await container.read(name);
    const fits = shape.length === 0 || blob?.shape.join() === shape.join();
    if (blob !== undefined && fits) return blob.data;
    throw new GmisegError(
      'ERR_CHECKPOINT_FORMAT',
      `The task file ${path} lacks ${name}, or holds it in another shape; it is damaged. Define the task again.`,
      { details: { path, name } },
    );
  };
  // What may be damaged is read first: native tasks are there until they are closed.
  const examples = meta.withExamples ? await readExamples(meta, take) : null;
  const sections: Section[] = [];
  try {
    await inScratch(async (folder) => {
      for (const [at, section] of meta.sections.entries()) {
        const labels: LabelState[] = [];
        sections.push({ axis: section.axis, labels });
        for (const { value, recipe, parts, trials } of section.labels) {
          const own = new Map<Part, NativeTask>();
          const fitted = new FittedLabel(value, recipe as Recipe, own);
          const name = meta.labels.find((label) => label.value === value)?.name ?? `label ${value}`;
          labels.push({ value, name, fitted, trials: trials as readonly TrialSummary[] });
          for (const part of wantedParts(recipe as Recipe, parts, path)) {
            const file = join(folder, 'part.safetensors');
            await writeFile(file, await take(blobName(at, value, part)));
            own.set(part, (await work.load(file)).task);
          }
        }
      }
    });
  } catch (error) {
    closeSections(sections);
    throw error instanceof GmisegError ? named(error, path) : error;
  }
  return {
    settings: meta.settings as unknown as TaskSettings,
    state: { labels: meta.labels, channels: meta.channels, sections },
    axes: meta.axes,
    examples,
    notes: meta.examples,
    warnings: meta.warnings,
    created: meta.created,
  };
}

async function readExamples(
  { examples }: TaskMeta,
  take: (name: string, ...shape: number[]) => Promise<Uint8Array>,
): Promise<PreparedExample[]> {
  const all: PreparedExample[] = [];
  for (const [at, note] of examples.entries()) {
    const { width, height, channels, sourceWidth, sourceHeight, ...place } = note;
    const data = await take(`examples.${at}.image`, height, width, channels);
    const mask = await take(`examples.${at}.mask`, height, width);
    all.push({ ...place, picture: { data, width, height, channels, sourceWidth, sourceHeight }, mask });
  }
  return all;
}

/** The parts that a recipe needs: a file that lacks one would fail only when it is used. */
function wantedParts(recipe: Recipe, parts: readonly Part[], path: string): readonly Part[] {
  const passes = PASSES.filter((pass) => recipe[pass] !== null);
  const wanted: Part[] = passes.flatMap((pass): Part[] =>
    recipe.flips ? [pass, `${pass}-mirrored`] : [pass],
  );
  if (wanted.every((part) => parts.includes(part))) return wanted;
  throw new GmisegError(
    'ERR_CHECKPOINT_FORMAT',
    `The task file ${path} lacks ${wanted.filter((part) => !parts.includes(part)).join(', ')}; define the task again.`,
    { details: { path } },
  );
}

/** Native messages name the scratch file; users know the task's. */
function named(error: GmisegError, path: string): GmisegError {
  const message = error.message.replace(/\S*part\.safetensors/g, path);
  if (message === error.message) return error;
  return new GmisegError(error.code, message, { cause: error, details: { ...error.details, path } });
}

async function inScratch(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gmiseg-task-'));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A path that a caller gave. @throws GmisegError ERR_INVALID_ARG */
export function pathOf(path: string | URL): string {
  if ((typeof path === 'string' && path !== '') || path instanceof URL) return toPath(path);
  throw invalid('path', 'a path or a file URL', path);
}
