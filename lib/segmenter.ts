import type { NativeEmbedding, NativePredictOutput, NativeSession } from '../types/native.js';
import type { BaselineConfig, Method } from './baseline.js';
import { Cancellation } from './cancellation.js';
import { Embedding, nativeEmbedding } from './embedding.js';
import { type CallSite, callSite, errorAt } from './errors.js';
import type { IntensityWindow } from './image/index.js';
import { type ImageInput, nativeImage } from './image-input.js';
import { JobQueue } from './job-queue.js';
import {
  checkLoadOptions,
  type LoadOptions,
  type ModelConfig,
  nativeLoadOptions,
  toPath,
} from './load-options.js';
import { native } from './native.js';
import { observed } from './observed.js';
import { nativePrompts, type Prompts, preparePrompts } from './prompts.js';
import { type RunSource, runSource, writeRunSource } from './run-folder/run-files.js';
import { runJob } from './run-job.js';
import { defineTask, openTask } from './task/define.js';
import type { TaskExample } from './task/example.js';
import type { TaskHost } from './task/host.js';
import type { TaskOptions } from './task/options.js';
import type { Task } from './task.js';
import { type TrainOptions, trainOptionsJson } from './train-options.js';
import { Training } from './training.js';
import { invalid, mismatch, requireBoolean, requireKeys, requireOneOf, requireSignal } from './validate.js';

/** What a loaded model is. */
export interface SegmenterInfo {
  /** `sam`, or a baseline's, which knows tasks by example alone. */
  readonly method: 'sam' | Method;
  /** 'vit_b', 'vit_l', 'vit_h', 'tiny', 'small' or 'custom'; of a baseline its method, of a CycleGAN its variant too */
  readonly variant: string;
  /** Side of the encoder's input, in pixels. */
  readonly imageSize: number;
  /** Side of the embedding, in cells. */
  readonly gridSize: number;
  /** Side of the low-resolution logits, in cells. */
  readonly lowResSize: number;
  /** Weights of the SAM alone: adapter and task encoder do not count. Of a baseline all. */
  readonly parameters: number;
  /** Weights of the SAM that a training has chosen, and those of the adapter. Of a baseline all. */
  readonly trainableParameters: number;
  /** Trainings that changed the weights since they were loaded: embeddings and tasks of before are refused. */
  readonly trainings: number;
  /** `cpu` or `cuda:N`. */
  readonly device: string;
  /** Of weights and arithmetic. */
  readonly dtype: 'float32' | 'bfloat16';
  /** As LoadOptions.threads; 0 = LibTorch's own choice. */
  readonly threads: number;
  /** How pixels are prepared: it follows the checkpoint; `min-max` is that of baselines. */
  readonly preprocessing: 'sam' | 'medsam' | 'centred' | 'min-max';
  /** Null for random weights. */
  readonly checkpoint: { readonly path: string; readonly sha256: string; readonly format: string } | null;
  /** Kind, sizes and number of weights (`parameters`) of the adapter; null without one. */
  readonly adapter: { readonly kind: string; readonly [key: string]: unknown } | null;
  /** What defines tasks best; null for a model without one, such as SAM itself. */
  readonly taskEncoder: Readonly<{ sizes?: readonly number[] } & Record<string, unknown>> | null;
  /** What the model is made of, with the keys of a config.json. */
  readonly config: ModelConfig | BaselineConfig;
}

export interface JobOptions {
  /** Stops the job at its next check; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Wait for a training that runs instead of failing with ERR_BUSY. */
  readonly queue?: boolean;
}

export interface EncodeOptions extends JobOptions {
  /** How values of images with more than 8 bits become grey levels; see toUint8. */
  readonly window?: IntensityWindow;
}

export interface PredictOptions extends EncodeOptions {
  /** Three masks for each object instead of one, for prompts that may mean a part or the whole. */
  readonly multimask?: boolean;
  /** `logits` too: four bytes a pixel and mask. */
  readonly returnLogits?: boolean;
  /** `lowRes` too, for the next prompt's `mask`. */
  readonly returnLowRes?: boolean;
}

/** Masks in the order of the objects, and of the three candidates of each with `multimask`. */
export interface Prediction {
  /** [count, height, width], 0 or 1 */
  readonly masks: Uint8Array;
  /** [count]: the IoU that the model expects */
  readonly scores: Float32Array;
  /** [count], 0 to 1: how little the mask changes with the threshold; 0 for an empty mask */
  readonly stability: Float32Array;
  /** [count, lowRes, lowRes] logits; one of them can be the next prompt's `mask` */
  readonly lowRes?: Float32Array;
  /** [count, height, width]; the mask is where they are above 0 */
  readonly logits?: Float32Array;
  readonly count: number;
  readonly width: number;
  readonly height: number;
}

export interface SaveOptions extends JobOptions {
  /** `adapter`, the default where there is one; `full`: all weights as they are; `merged`: with the adapter worked in. */
  readonly what?: 'adapter' | 'full' | 'merged';
}

/**
 * A model that is loaded. Its jobs run one at a time in the order of the calls, on a thread of their own.
 * Inputs are copied when a method is called. Every job fails with a GmisegError or the signal's reason.
 */
export class Segmenter implements AsyncDisposable {
  readonly #session: NativeSession;
  readonly #queue = new JobQueue();
  readonly #running = new Map<Cancellation, Promise<unknown>>();
  readonly #host: TaskHost;
  readonly #source: RunSource;
  #info: SegmenterInfo;
  #trainings = 0;
  #closed: Promise<void> | undefined;

  private constructor(session: NativeSession, options: LoadOptions) {
    this.#session = session;
    this.#info = readInfo(session);
    this.#source = runSource(options, this.#info.checkpoint?.path ?? null);
    const segmenter = this;
    this.#host = {
      session,
      get info() {
        return segmenter.#info;
      },
      job: (site, options, prepare) => this.#job(site, options, prepare),
    };
  }

  /**
   * Loads a model. Without options: the package's own.
   * @throws GmisegError ERR_INVALID_ARG; ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT, ERR_CHECKPOINT_MISMATCH;
   * ERR_DEVICE_UNAVAILABLE; ERR_OUT_OF_MEMORY; ERR_IO; ERR_BINDING_NOT_FOUND, ERR_BINDING_INCOMPATIBLE; an abort rejects
   * with the signal's reason
   */
  static async load(options: LoadOptions = {}): Promise<Segmenter> {
    const site = callSite(Segmenter.load);
    checkLoadOptions(options);
    const { signal, onProgress } = options;
    const cancellation = new Cancellation(signal);
    try {
      cancellation.throwIfCancelled();
      const addon = native();
      const nativeOptions = await nativeLoadOptions(options);
      const report = onProgress && ((stage: string, fraction: number) => onProgress({ stage, fraction }));
      const session = await runJob(
        () => addon.load(nativeOptions, report),
        cancellation,
        site,
        (late) => late.close(),
      );
      return new Segmenter(session, options);
    } finally {
      cancellation.dispose();
    }
  }

  /** What is loaded; after a training, what came of it. Also there after close(). */
  get info(): SegmenterInfo {
    return this.#info;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Runs the encoder, which is nearly all of the work; `predict` then takes the embedding in place of the image.
   * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, ERR_IMAGE_NOT_FOUND, ERR_IMAGE_FORMAT, ERR_BUSY, ERR_CLOSED, ERR_OUT_OF_MEMORY
   */
  async encode(image: ImageInput, options: EncodeOptions = {}): Promise<Embedding> {
    const site = callSite(this.encode);
    requireKeys('options', options, ['signal', 'queue', 'window']);
    return this.#job(site, options, () => {
      const pixels = observed(nativeImage(image, options.window));
      return async (cancellation) => {
        const embedding = new Embedding(await this.#encode(await pixels, cancellation, site));
        owners.set(embedding, this);
        return embedding;
      };
    });
  }

  /**
   * Masks for an image, or for the embedding of one.
   * @throws as encode; ERR_INVALID_ARG also for an embedding of another segmenter or of older weights, and where the
   * model is a baseline
   */
  async predict(
    image: ImageInput | Embedding,
    prompts: Prompts = {},
    options: PredictOptions = {},
  ): Promise<Prediction> {
    const site = callSite(this.predict);
    requireKeys('options', options, [
      'signal',
      'queue',
      'window',
      'multimask',
      'returnLogits',
      'returnLowRes',
    ]);
    for (const key of ['multimask', 'returnLogits', 'returnLowRes'] as const) {
      requireBoolean(`options.${key}`, options[key]);
    }
    const prepared = preparePrompts(prompts);
    if (image instanceof Embedding && owners.get(image) !== this) {
      throw mismatch('image', 'an embedding of this segmenter', 'that of another one');
    }
    return this.#job(site, options, () => {
      const pixels = image instanceof Embedding ? undefined : observed(nativeImage(image, options.window));
      return async (cancellation) => {
        if (image instanceof Embedding) {
          return await this.#decode(nativeEmbedding(image), prepared, options, cancellation, site);
        }
        const embedding = await this.#encode((await pixels)!, cancellation, site);
        try {
          return await this.#decode(embedding, prepared, options, cancellation, site);
        } finally {
          embedding.close();
        }
      };
    });
  }

  /**
   * A task from examples: pictures or volumes with masks of what is to be found on others like them. Nothing is
   * trained. Whatever the options leave open is chosen by leave-one-out on the examples.
   * @throws GmisegError ERR_INVALID_ARG, ERR_SHAPE, ERR_IMAGE_NOT_FOUND, ERR_IMAGE_FORMAT, ERR_BUSY, ERR_CLOSED,
   * ERR_OUT_OF_MEMORY; an abort rejects with the signal's reason
   */
  async defineTask(examples: readonly TaskExample[], options: TaskOptions = {}): Promise<Task> {
    return await defineTask(this.#host, callSite(this.defineTask), examples, options);
  }

  /**
   * A task from the file that Task.save wrote.
   * @throws GmisegError ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT; ERR_CHECKPOINT_MISMATCH for a task of
   * another model; ERR_IO, ERR_BUSY, ERR_CLOSED
   */
  async loadTask(path: string | URL, options: JobOptions = {}): Promise<Task> {
    return await openTask(this.#host, callSite(this.loadTask), path, options);
  }

  /**
   * Trains in place on slice stores, as `gmiseg import` and `synth` write them. It starts with this call; the
   * Training is its stream of reports and the promise of its summary. Meanwhile other jobs fail with ERR_BUSY
   * unless they say `queue`.
   *
   * Where `options.train` is left out, adapter and mask decoder train if there is an adapter (of the model, or by
   * `options.adapter`), in episodes the task encoder too; without one all weights do. The command line differs: there a
   * checkpoint gets a pooled adapter.
   * @throws through the Training, never from the call: GmisegError ERR_INVALID_ARG; ERR_DATASET; ERR_BUSY (a training
   * runs, or another one writes to `out`); ERR_CHECKPOINT_MISMATCH where a run to go on with was another model's or had
   * other options, ERR_CHECKPOINT_FORMAT; ERR_NON_FINITE_LOSS; ERR_OUT_OF_MEMORY; ERR_IO; ERR_CLOSED; ERR_ABORTED where
   * it was stopped before it began; the signal's reason
   */
  train(dataset: string | URL | readonly (string | URL)[], options: TrainOptions): Training {
    const site = callSite(this.train);
    let cancellation: Cancellation | undefined;
    return new Training(
      (control) =>
        this.#job(site, { signal: options?.signal, kind: 'training' }, (own) => {
          cancellation = own;
          const json = trainOptionsJson(dataset, options);
          const out = toPath(options.out);
          return async () => {
            // After a training the weights are no longer those of a file.
            const source = this.#info.trainings === 0 ? this.#source : null;
            const note = async (): Promise<void> => {
              if (source !== null) await writeRunSource(out, source);
            };
            // From the first report on: a training that is refused leaves no folder.
            let noted: Promise<void> | undefined;
            const summary = await runJob(
              () => {
                const job = this.#session.train(json, () => {
                  noted ??= observed(note());
                  control.onReports();
                });
                control.started(job);
                return job;
              },
              own,
              site,
            ).finally(() => {
              this.#info = readInfo(this.#session);
            });
            await (noted ?? note());
            return summary;
          };
        }),
      (reason) => cancellation?.cancel(reason),
    );
  }

  /**
   * Writes weights as safetensors, under a temporary name first.
   * @throws GmisegError ERR_INVALID_ARG (no adapter to save or to merge), ERR_IO, ERR_BUSY, ERR_CLOSED
   */
  async save(path: string | URL, options: SaveOptions = {}): Promise<void> {
    const site = callSite(this.save);
    requireKeys('options', options, ['signal', 'queue', 'what']);
    const { what } = options;
    if (what !== undefined) requireOneOf('options.what', what, ['adapter', 'full', 'merged']);
    if (!(typeof path === 'string' && path !== '') && !(path instanceof URL)) {
      throw invalid('path', 'a path or a file URL', path);
    }
    const target = toPath(path);
    return this.#job(site, options, () => (cancellation) => {
      const chosen = what ?? (this.#info.adapter ? 'adapter' : 'full');
      return runJob(() => this.#session.save(target, chosen), cancellation, site);
    });
  }

  /** Stops what runs (those jobs fail with ERR_CLOSED), waits for it and frees the weights. */
  close(): Promise<void> {
    this.#closed ??= this.#close(callSite(this.close));
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(site: CallSite): Promise<void> {
    const running = [...this.#running];
    for (const [cancellation] of running) {
      cancellation.cancel(errorAt(site, 'ERR_CLOSED', 'The segmenter was closed before this job had ended.'));
    }
    await Promise.allSettled(running.map(([, job]) => job));
    this.#session.close();
  }

  /**
   * Queues a job. `prepare` runs within the caller's call, to check and copy what the caller may change later;
   * what it returns runs when it is the job's turn.
   */
  async #job<T>(
    site: CallSite,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly queue?: boolean;
      readonly kind?: 'training';
    },
    prepare: (cancellation: Cancellation) => (cancellation: Cancellation) => Promise<T>,
  ): Promise<T> {
    const { signal, queue, kind } = options;
    requireSignal('options.signal', signal);
    requireBoolean('options.queue', queue);
    if (this.#closed) throw errorAt(site, 'ERR_CLOSED', 'The segmenter is closed; load it again.');
    if (this.#trainings > 0 && !queue) {
      throw errorAt(
        site,
        'ERR_BUSY',
        'The segmenter is training. Wait for that, stop it, or pass { queue: true } to have the job done afterwards.',
      );
    }
    signal?.throwIfAborted();
    const cancellation = new Cancellation(signal);
    if (kind === 'training') this.#trainings++;
    try {
      const task = prepare(cancellation);
      const job = this.#queue.run(() => task(cancellation), cancellation);
      this.#running.set(cancellation, job);
      return await job;
    } finally {
      if (kind === 'training') this.#trainings--;
      this.#running.delete(cancellation);
      cancellation.dispose();
    }
  }

  #encode(
    image: Parameters<NativeSession['encode']>[0],
    cancellation: Cancellation,
    site: CallSite,
  ): Promise<NativeEmbedding> {
    return runJob(
      () => this.#session.encode(image),
      cancellation,
      site,
      (late) => late.close(),
    );
  }

  async #decode(
    embedding: NativeEmbedding,
    prepared: ReturnType<typeof preparePrompts>,
    options: PredictOptions,
    cancellation: Cancellation,
    site: CallSite,
  ): Promise<Prediction> {
    const { multimask = false, returnLogits = false, returnLowRes = false } = options;
    const { imageWidth: width, imageHeight: height } = embedding;
    const lowRes = this.#session.lowResSize;
    const prompts = nativePrompts(prepared, { width, height, lowRes });
    const count = prompts.rows * (multimask ? 3 : 1);
    const out: NativePredictOutput = {
      masks: new Uint8Array(count * height * width),
      scores: new Float32Array(count),
      stability: new Float32Array(count),
      ...(returnLowRes && { lowRes: new Float32Array(count * lowRes * lowRes) }),
      ...(returnLogits && { logits: new Float32Array(count * height * width) }),
    };
    await runJob(() => this.#session.predict(embedding, prompts, { multimask }, out), cancellation, site);
    return { ...out, count, width, height };
  }
}

/** Which segmenter an embedding came from. */
const owners = new WeakMap<Embedding, Segmenter>();

function readInfo(session: NativeSession): SegmenterInfo {
  return Object.freeze(JSON.parse(session.info()) as SegmenterInfo);
}
