import { readsExamples } from '../baseline.js';
import type { LoadOptions } from '../load-options.js';
import type { TaskOptions } from '../task/options.js';
import type { TrainOptions } from '../train-options.js';
import type { ExperimentConfig, MethodConfig } from './config.js';
import type { TestTask } from './test-task.js';

type ConfigChoice = NonNullable<LoadOptions['config']>;

/** What a model is loaded from, as Segmenter.load has it; paths as the config names them, below the data folder. */
export interface ModelChoice {
  /** A file or a training run; without it random weights of `config`, or the model inside the package. */
  readonly checkpoint?: string;
  readonly adapter?: string;
  readonly config?: ConfigChoice;
  readonly imageSize?: number;
  /** Of random weights. */
  readonly seed?: number;
}

/** A training that a method needs before it can be asked. */
export interface TrainingPlan {
  /** A path of file names. */
  readonly id: string;
  /** Data sets of the config. */
  readonly data: readonly string[];
  readonly options: Omit<TrainOptions, 'out' | 'resume' | 'signal'>;
  /** Which weights are asked. */
  readonly choose: 'last' | 'best';
  /** Whether each test task has a training of its own. */
  readonly perTask: boolean;
  /** Of a training that one test task has for itself: its store takes the place of `data`. */
  readonly task?: TestTask;
}

/** A method as it is asked: trained with one seed, on certain data, or not at all. */
export interface MethodInstance {
  /** `pooled.s1`: a path of file names. */
  readonly id: string;
  /** Its key in the config. */
  readonly method: string;
  readonly label: string;
  /** Of its training. */
  readonly seed: number | null;
  readonly model: ModelChoice;
  readonly training: TrainingPlan | null;
  readonly task: Pick<
    TaskOptions,
    | 'engine'
    | 'output'
    | 'partner'
    | 'view'
    | 'flips'
    | 'location'
    | 'temperature'
    | 'inputSize'
    | 'look'
    | 'cutoff'
  >;
  /** Whether it takes a box on the image itself in place of supports. */
  readonly takesBoxes: boolean;
  /** Whether its answer depends on the support set. */
  readonly readsExamples: boolean;
  /** Whether it is a network of another method, which knows float32 alone. */
  readonly baseline: boolean;
}

/** An instance that has been, or is to be, trained here. */
export type TrainedInstance = MethodInstance & { readonly training: TrainingPlan };

export function needsTraining(instance: MethodInstance): instance is TrainedInstance {
  return instance.training !== null;
}

/** Who answers for a task: of a method that is trained for each task, the model of this one. */
export function instanceFor(instance: MethodInstance, task: TestTask): MethodInstance {
  if (instance.training?.perTask !== true) return instance;
  const { training } = instance;
  return { ...instance, training: { ...training, id: `${training.id}/${task.id}`, data: [], task } };
}

/** Every method of a config, those to train once for each seed. */
export function methodInstances(config: ExperimentConfig): MethodInstance[] {
  return Object.entries(config.methods).flatMap(([key, method]) =>
    isTrained(method)
      ? config.seeds.map((seed) => trainedInstance(config, key, { seed, data: method.data ?? config.train }))
      : [fixedInstance(config, key, method)],
  );
}

export function isTrained(
  method: MethodConfig,
): method is Extract<MethodConfig, { kind: 'trained' | 'baseline' }> & { train: Record<string, unknown> } {
  return 'train' in method && method.train !== undefined;
}

/** Whether each test task has a training of its own. */
export function isPerTask(method: MethodConfig): boolean {
  return method.kind === 'baseline' && method.perTask === true;
}

/** A method to train, with a seed, on data sets. `name` tells instances of one method apart. */
export function trainedInstance(
  config: ExperimentConfig,
  key: string,
  {
    seed,
    data,
    name = `s${seed}`,
    options = {},
  }: {
    readonly seed: number;
    readonly data: readonly string[];
    readonly name?: string;
    readonly options?: Partial<TrainingPlan['options']>;
  },
): MethodInstance {
  const method = config.methods[key] as MethodConfig;
  if (!isTrained(method)) throw new Error(`${key} is not trained`);
  const id = `${key}.${name}`;
  return {
    ...common(key, method),
    id,
    seed,
    model: { ...startOf(config, method), seed },
    training: {
      id,
      data,
      options: {
        ...(config.maxMinutes === undefined ? {} : { maxMinutes: config.maxMinutes }),
        ...(method.train as TrainingPlan['options']),
        ...options,
        seed,
      },
      choose: method.choose ?? 'last',
      perTask: isPerTask(method),
    },
  };
}

function startOf(
  config: ExperimentConfig,
  method: Extract<MethodConfig, { kind: 'trained' | 'baseline' }>,
): ModelChoice {
  // Baselines have an input size of their own.
  if (method.kind === 'baseline') {
    const made = method.config === undefined ? method.name : { ...method.config, method: method.name };
    return { config: made as ConfigChoice, ...sizeOf(undefined, method.imageSize) };
  }
  const { from, config: random } = method;
  return {
    ...(from === undefined || from === 'embedded' ? {} : { checkpoint: from }),
    ...(random === undefined ? {} : { config: random as ConfigChoice }),
    ...sizeOf(config.imageSize, method.imageSize),
  };
}

function sizeOf(experiment: number | undefined, own: number | undefined): { imageSize?: number } {
  const imageSize = own ?? experiment;
  return imageSize === undefined ? {} : { imageSize };
}

function fixedInstance(config: ExperimentConfig, key: string, method: MethodConfig): MethodInstance {
  return { ...common(key, method), id: key, seed: null, model: fixedModel(config, method), training: null };
}

function fixedModel(config: ExperimentConfig, method: MethodConfig): ModelChoice {
  switch (method.kind) {
    case 'checkpoint':
      return {
        checkpoint: method.model,
        ...(method.adapter === undefined ? {} : { adapter: method.adapter }),
        ...(method.config === undefined ? {} : { config: method.config as ConfigChoice }),
        ...sizeOf(config.imageSize, method.imageSize),
      };
    case 'baseline':
      return {
        ...(method.model === undefined ? {} : { checkpoint: method.model }),
        ...sizeOf(undefined, method.imageSize),
      };
    case 'engine':
      return sizeOf(config.imageSize, undefined);
    default:
      return sizeOf(config.imageSize, method.imageSize);
  }
}

function common(
  key: string,
  method: MethodConfig,
): Pick<MethodInstance, 'method' | 'label' | 'task' | 'takesBoxes' | 'readsExamples' | 'baseline'> {
  return {
    method: key,
    label: method.label ?? key,
    task:
      method.kind === 'engine'
        ? { engine: method.engine }
        : (Object.fromEntries(
            Object.entries(method.task ?? {}).filter(([, value]) => value !== undefined),
          ) as MethodInstance['task']),
    takesBoxes: method.kind !== 'engine' && method.kind !== 'baseline',
    readsExamples: method.kind !== 'baseline' || readsExamples(method.name),
    baseline: method.kind === 'baseline',
  };
}
