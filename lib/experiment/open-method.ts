import path from 'node:path';
import { tightBox } from '../dataset/prompts-from-mask.js';
import type { LoadOptions } from '../load-options.js';
import { Segmenter } from '../segmenter.js';
import { loadChoice } from './load-choice.js';
import { type MethodInstance, needsTraining } from './method-instance.js';
import { pin } from './pins.js';
import type { RunContext } from './run-context.js';
import type { TaskSlice } from './test-task.js';
import { trainedModel } from './train-method.js';

/** A task that a method has seen examples of. */
export interface DefinedTask {
  /** What the method chose. */
  readonly recipe: string;
  /** [height, width], 0 or 1 */
  predict(slice: TaskSlice): Promise<Uint8Array>;
  close(): void;
}

export interface DefineSettings {
  readonly ensemble: number;
  /** Size of each member's support set. */
  readonly subset: number;
  readonly seed: number;
}

/** The methods of an experiment, one of them loaded at a time: models may be large. */
export class OpenMethods {
  readonly #context: RunContext;
  readonly #dtype: NonNullable<LoadOptions['dtype']>;
  #key = '';
  #segmenter: Segmenter | null = null;

  constructor(context: RunContext, dtype: NonNullable<LoadOptions['dtype']>) {
    this.#context = context;
    this.#dtype = dtype;
  }

  /** The method's model; methods on the same one share it. */
  async open(instance: MethodInstance): Promise<OpenMethod> {
    const options = needsTraining(instance)
      ? await trainedModel(this.#context, instance)
      : await loadChoice(this.#context, instance.model);
    const key = JSON.stringify(options);
    if (this.#segmenter === null || key !== this.#key) {
      await this.close();
      this.#segmenter = await Segmenter.load({
        ...options,
        ...this.#context.runtime,
        dtype: instance.baseline ? 'float32' : this.#dtype,
      });
      this.#key = key;
    }
    const { checkpoint, imageSize } = this.#segmenter.info;
    const file = path.join(this.#context.out, 'models', `${instance.id}.json`);
    // A training's own files follow from the config; what comes from outside may be replaced under its name.
    const from = needsTraining(instance) ? null : (checkpoint?.sha256 ?? null);
    await pin(
      file,
      { checkpoint: from, imageSize },
      `The model of ${instance.id}`,
      'Bring the old file back, or name another --out.',
    );
    return new OpenMethod(this.#segmenter, instance, this.#context.signal);
  }

  async close(): Promise<void> {
    const open = this.#segmenter;
    this.#segmenter = null;
    await open?.close();
  }
}

/** A method that is loaded: it takes examples and predicts. */
export class OpenMethod {
  readonly #segmenter: Segmenter;
  readonly #instance: MethodInstance;
  readonly signal: AbortSignal;

  constructor(segmenter: Segmenter, instance: MethodInstance, signal: AbortSignal) {
    this.#segmenter = segmenter;
    this.#instance = instance;
    this.signal = signal;
  }

  get device(): string {
    return this.#segmenter.info.device;
  }

  async define(
    supports: readonly TaskSlice[],
    { ensemble, subset, seed }: DefineSettings,
  ): Promise<DefinedTask> {
    const task = await this.#segmenter.defineTask(
      supports.map(({ image, mask, name, entry }, at) => ({
        image,
        mask,
        name: `${name}-${at}`,
        group: entry.subject,
        index: entry.index,
      })),
      {
        ...this.#instance.task,
        ...(ensemble > 1 ? { ensemble, subset, seed } : {}),
        signal: this.signal,
      },
    );
    return {
      recipe: task.info.choices[0]?.recipe ?? '',
      predict: async ({ image }) => (await task.predict(image, { signal: this.signal })).masks,
      close: () => task.close(),
    };
  }

  /** From the box round the truth: how well the model outlines what it is pointed at. */
  async predictInBox({ image, mask }: TaskSlice): Promise<Uint8Array> {
    const box = tightBox(mask, 1);
    if (box === null) return new Uint8Array(mask.data.length);
    return (await this.#segmenter.predict(image, { box }, { signal: this.signal })).masks;
  }
}
