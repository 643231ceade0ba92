import { isBaseline } from './baseline.js';
import { type CallSite, callSite, errorAt, GmisegError } from './errors.js';
import type { Axis, Image2D, IntensityWindow, Volume } from './image/index.js';
import { observed } from './observed.js';
import type { PreparedPrompts } from './prompts.js';
import type { JobOptions } from './segmenter.js';
import { checkSection, type LabelReport, type TaskReport } from './task/check.js';
import { describeWarning, type TaskExample } from './task/example.js';
import type { Gallery } from './task/gallery.js';
import { jobOptions, type TaskHost, type Work, workOf } from './task/host.js';
import { loadImage } from './task/load-input.js';
import { completeExamples } from './task/mask-from-prompts.js';
import { type TaskProgress, valuesOf } from './task/options.js';
import { promptsByLabel } from './task/place-prompts.js';
import { checkPredictOptions, passesFor, type TaskPredictOptions } from './task/predict-options.js';
import { predictPicture } from './task/predict-picture.js';
import { predictVolume } from './task/predict-volume.js';
import { prepareExamples } from './task/prepare-examples.js';
import { answersOf, describeRecipe } from './task/recipe.js';
import type { PictureResult, VolumeResult } from './task/result.js';
import { buildState, closeSections, sameChannels, type TaskLabel } from './task/state.js';
import { pathOf, type StoredTask, saveTask } from './task/task-file.js';
import { requireBoolean, requireKeys } from './validate.js';

export interface TaskSaveOptions extends JobOptions {
  /** Keep the examples' pictures and masks too, so that `add`, `remove` and `check` work after loading. */
  readonly withExamples?: boolean;
}

export interface TaskCheckOptions extends JobOptions {
  readonly onProgress?: (progress: TaskProgress) => void;
}

/** What a task is. */
export interface TaskInfo {
  readonly labels: readonly TaskLabel[];
  /** Names of the examples; a volume gives one for each of its slices. */
  readonly examples: readonly string[];
  /** Whether the examples' pixels are at hand. */
  readonly hasExamples: boolean;
  /** The axes that volumes are cut across; null where no example is a volume. */
  readonly axes: readonly Axis[] | null;
  /** How values of more than 8 bits become grey levels; null: by their percentiles. */
  readonly window: IntensityWindow | null;
  /** ISO 8601 */
  readonly created: string;
  /** What a user should know of the examples' files, such as a mask that lies elsewhere in space than its image. */
  readonly warnings: readonly string[];
  /** What was chosen for each label, and what was tried: mean Dice of examples left out. */
  readonly choices: readonly {
    readonly label: number;
    readonly axis: Axis | null;
    readonly recipe: string;
    /** How many answers the mean of which decides: members, engines, mirrored passes. Of one alone there is no spread. */
    readonly answers: number;
    readonly trials: readonly {
      readonly recipe: string;
      readonly dice: number | null;
      readonly examples: number;
    }[];
  }[];
}

/**
 * A task defined by examples: one or more labels to find on new images like them, without training. It belongs to
 * the Segmenter that made it and to the weights that one had then; after a training, define it again.
 */
export class Task implements Disposable {
  readonly #host: TaskHost;
  /** Trainings before it: what was fitted to earlier weights is worth nothing afterwards. */
  readonly #trainings: number;
  #stored: StoredTask;
  readonly #gallery: Gallery;
  #closed = false;

  /** @internal Tasks come from Segmenter.defineTask and Segmenter.loadTask. */
  constructor(host: TaskHost, stored: StoredTask, gallery: Gallery) {
    this.#host = host;
    this.#trainings = host.info.trainings;
    this.#stored = stored;
    this.#gallery = gallery;
  }

  get labels(): readonly TaskLabel[] {
    return this.#stored.state.labels;
  }

  get info(): TaskInfo {
    const { settings, state, examples, notes, axes, warnings, created } = this.#stored;
    return {
      labels: state.labels,
      examples: (examples ?? notes).map(({ name }) => name),
      hasExamples: examples !== null,
      axes,
      window: settings.window,
      created,
      warnings: warnings.map(describeWarning),
      choices: state.sections.flatMap(({ axis, labels }) =>
        labels.map(({ value, fitted, trials }) => ({
          label: value,
          axis,
          recipe: describeRecipe(fitted.recipe),
          answers: answersOf(fitted.recipe),
          trials: trials.map(({ recipe, dice, examples: count }) => ({
            recipe: describeRecipe(recipe),
            dice,
            examples: count,
          })),
        })),
      ),
    };
  }

  /**
   * Masks for a picture.
   * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, ERR_BUSY, ERR_CLOSED, ERR_OUT_OF_MEMORY; an abort rejects with the
   * signal's reason
   */
  predict(image: Image2D, options?: TaskPredictOptions): Promise<PictureResult>;
  /**
   * Masks for a volume, slice by slice. It must stay as it is meanwhile.
   * @throws as for a picture; ERR_IMAGE_FORMAT where it has several time points or channels
   */
  predict(volume: Volume, options?: TaskPredictOptions): Promise<VolumeResult>;
  /**
   * A path may be of either; `kind` of the result tells which it was.
   * @throws as for a picture; ERR_IMAGE_NOT_FOUND, ERR_IMAGE_FORMAT, ERR_IO
   */
  predict(
    image: string | URL | Image2D | Volume,
    options?: TaskPredictOptions,
  ): Promise<PictureResult | VolumeResult>;
  async predict(
    image: string | URL | Image2D | Volume,
    options: TaskPredictOptions = {},
  ): Promise<PictureResult | VolumeResult> {
    const site = callSite(this.predict);
    checkPredictOptions(options);
    const prompts = promptsByLabel(options.prompts, this.labels);
    if (prompts.size > 0 && isBaseline(this.#host.info)) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        `The method '${this.#host.info.method}' knows no clicks and boxes: what it should find better, more examples ` +
          'say (task.add). To correct an answer by clicks, define the task with a SAM.',
      );
    }
    return await this.#job(site, options, () => {
      const loading = observed(loadImage(image, this.#stored.settings.window ?? undefined, options.signal));
      return async (work) => {
        const loaded = await loading;
        if ('volume' in loaded) return await this.#predictVolume(work, loaded.volume, prompts, options);
        const { state } = this.#stored;
        return await predictPicture(work, { ...state, section: state.sections[0]! }, loaded.picture, {
          prompts,
          probability: options.returnProbability ?? false,
          uncertainty: options.returnUncertainty ?? false,
        });
      };
    });
  }

  async #predictVolume(
    work: Work,
    volume: Volume,
    prompts: ReadonlyMap<number, PreparedPrompts>,
    options: TaskPredictOptions,
  ): Promise<VolumeResult> {
    if (prompts.size > 0) {
      throw new GmisegError(
        'ERR_INVALID_ARG',
        'Prompts describe one picture, not a volume; cut the slice to correct (takeSlice) and predict that.',
      );
    }
    const { state, settings } = this.#stored;
    return await predictVolume(work, volume, {
      ...state,
      window: settings.window ?? undefined,
      passes: passesFor(state.sections, volume, options),
      neighbours: options.neighbours ?? 0,
      probability: options.returnProbability ?? false,
      uncertainty: options.returnUncertainty ?? false,
    });
  }

  /**
   * More examples: what was left to choose is chosen again, and everything is fitted anew. The task stays as it was
   * if this fails.
   * @throws GmisegError as Segmenter.defineTask, ERR_BUSY and ERR_CLOSED among it; ERR_INVALID_ARG also where the task
   * was loaded without its examples
   */
  async add(examples: readonly TaskExample[], options: TaskCheckOptions = {}): Promise<void> {
    const site = callSite(this.add);
    requireKeys('options', options, ['signal', 'queue', 'onProgress']);
    return await this.#job(site, options, () => {
      const { settings } = this.#stored;
      const prepared = prepareExamples(examples, {
        window: settings.window ?? undefined,
        volume: settings.volume,
        values: valuesOf(settings.labels),
        signal: options.signal,
      });
      return async (work) => {
        // Other calls may have changed the task while this one waited.
        const known = this.#examples();
        const set = await prepared({ axes: this.#stored.axes, taken: namesOf(known) });
        const added = await completeExamples(work, set, this.#gallery, settings.labels);
        const warnings = [...this.#stored.warnings, ...set.warnings];
        await this.#rebuild(site, work, [...known, ...added], { axes: set.axes, warnings });
      };
    });
  }

  /**
   * Takes examples out by name; a volume's name stands for all of its slices.
   * @throws GmisegError ERR_INVALID_ARG where a name is unknown, nothing would be left or the task was loaded without
   * its examples; ERR_BUSY, ERR_CLOSED, ERR_OUT_OF_MEMORY; an abort rejects with the signal's reason
   */
  async remove(names: string | readonly string[], options: TaskCheckOptions = {}): Promise<void> {
    const site = callSite(this.remove);
    requireKeys('options', options, ['signal', 'queue', 'onProgress']);
    const wanted = new Set(typeof names === 'string' ? [names] : names);
    return await this.#job(site, options, () => async (work) => {
      const known = this.#examples();
      const there = namesOf(known);
      const unknown = [...wanted].filter((name) => !there.has(name));
      if (unknown.length > 0) {
        throw new GmisegError(
          'ERR_INVALID_ARG',
          `The task has no example ${unknown.map((name) => JSON.stringify(name)).join(', ')}; it has ` +
            `${known.map(({ name }) => name).join(', ')}.`,
          { details: { unknown } },
        );
      }
      const kept = known.filter(({ name, source }) => !wanted.has(name) && !wanted.has(source));
      if (kept.length === 0) {
        throw new GmisegError(
          'ERR_INVALID_ARG',
          'Nothing would be left of the task. Add other examples first, or define a new one.',
        );
      }
      const { axes, warnings } = this.#stored;
      const left = new Set(kept.map(({ source }) => source));
      const own = warnings.filter(({ source }) => left.has(source));
      await this.#rebuild(site, work, kept, { axes, warnings: own });
    });
  }

  /**
   * Predicts each example from the others: Dice to expect on new images, examples that do not fit, and whether more
   * of them are likely to help.
   * @throws GmisegError ERR_INVALID_ARG where the task was loaded without its examples; ERR_BUSY, ERR_CLOSED,
   * ERR_OUT_OF_MEMORY; an abort rejects with the signal's reason
   */
  async check(options: TaskCheckOptions = {}): Promise<TaskReport> {
    const site = callSite(this.check);
    requireKeys('options', options, ['signal', 'queue', 'onProgress']);
    return await this.#job(site, options, () => async (work) => {
      const examples = this.#examples();
      const labels: LabelReport[] = [];
      for (const section of this.#stored.state.sections) {
        labels.push(...(await checkSection(work, section, examples, this.#gallery)));
      }
      const odd = labels.flatMap((label) =>
        label.examples.filter(({ misfits }) => misfits.some(({ kind }) => kind !== 'empty')),
      );
      return { labels, misfits: [...new Set(odd.map(({ name }) => name))] };
    });
  }

  /**
   * Writes the task to one file, under a temporary name first: what was fitted, labels, settings and provenance; the
   * examples' pixels only with `withExamples`.
   * @throws GmisegError ERR_INVALID_ARG, ERR_IO, ERR_BUSY, ERR_CLOSED
   */
  async save(path: string | URL, options: TaskSaveOptions = {}): Promise<void> {
    const site = callSite(this.save);
    requireKeys('options', options, ['signal', 'queue', 'withExamples']);
    requireBoolean('options.withExamples', options.withExamples);
    const target = pathOf(path);
    return await this.#job(site, options, () => async (work) => {
      const withExamples = options.withExamples ?? false;
      if (withExamples) this.#examples();
      await saveTask(work, this.#host, this.#stored, target, withExamples);
    });
  }

  /** Frees what was fitted. Later calls fail with ERR_CLOSED; a second close does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSections(this.#stored.state.sections);
    this.#gallery.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #examples(): NonNullable<StoredTask['examples']> {
    if (this.#stored.examples !== null) return this.#stored.examples;
    throw new GmisegError(
      'ERR_INVALID_ARG',
      'This task was saved without its examples, which this needs. Define it again from them, or save it with ' +
        '{ withExamples: true } (gmiseg task define --with-examples).',
    );
  }

  async #rebuild(
    site: CallSite,
    work: Work,
    all: NonNullable<StoredTask['examples']>,
    about: Pick<StoredTask, 'axes' | 'warnings'>,
  ): Promise<void> {
    const { examples } = sameChannels(all);
    const state = await buildState(work, this.#host, this.#stored.settings, examples, this.#gallery);
    if (this.#closed) {
      closeSections(state.sections);
      throw closedAt(site);
    }
    const old = this.#stored.state.sections;
    this.#stored = { ...this.#stored, ...about, state, examples };
    closeSections(old);
    const pictures = new Set<object>(examples.map(({ picture }) => picture));
    this.#gallery.retain((picture) => pictures.has(picture));
  }

  async #job<T>(
    site: CallSite,
    options: JobOptions & { readonly onProgress?: TaskCheckOptions['onProgress'] },
    prepare: () => (work: Work) => Promise<T>,
  ): Promise<T> {
    return await this.#host.job(site, jobOptions(options), () => {
      this.#requireOpen(site);
      const run = prepare();
      return async (cancellation) => {
        this.#requireOpen(site);
        try {
          return await run(workOf(this.#host, cancellation, site, options.onProgress));
        } finally {
          if (this.#closed) this.#gallery.close();
          else this.#gallery.settle();
        }
      };
    });
  }

  #requireOpen(site: CallSite): void {
    if (this.#closed) throw closedAt(site);
    if (this.#host.info.trainings !== this.#trainings) {
      throw errorAt(
        site,
        'ERR_INVALID_ARG',
        'The segmenter was trained after this task was defined, and has other weights now. Define the task again.',
      );
    }
  }
}

function closedAt(site: CallSite): GmisegError {
  return errorAt(site, 'ERR_CLOSED', 'The task is closed; define it again, or load it from its file.');
}

/** A volume's name stands for its slices. */
function namesOf(examples: NonNullable<StoredTask['examples']>): Set<string> {
  return new Set(examples.flatMap(({ name, source }) => [name, source]));
}
