import { z } from 'zod';
import { GmisegError } from './errors.js';
import { toPath } from './load-options.js';
import { invalid, requireObject, requireSignal } from './validate.js';

/** An adapter to put on the model before training; replaces the one it has. */
export interface AdapterOptions {
  /**
   * `pooled` (the default): one bank of vectors for all blocks; `lora`: matrices of each block's own; `token-pooled`:
   * `lora` whose bottleneck is averaged over 2 x 2 tokens, which cannot be merged.
   */
  readonly kind?: 'pooled' | 'lora' | 'token-pooled';
  /** Of `lora` and `token-pooled`: 1 to 1024, 4 where left out. */
  readonly rank?: number;
  /**
   * Of `pooled`: what a block takes of the bank: a vector of its own (`identity`), all of it (`shared`), or what it
   * learns from the former on (`learned`, the default).
   */
  readonly gate?: 'identity' | 'shared' | 'learned';
  /** Factor of what it adds to queries and values; 1 where left out. */
  readonly scale?: number;
  /**
   * The encoder's first block that is adapted, from 0 (where left out). A late one costs less: nothing before it is kept
   * for the way back, and with `noise: 0` it is computed once for each picture (TrainOptions.activationCache).
   */
  readonly firstBlock?: number;
}

/**
 * What a task encoder is made of; one number for each of three scales, finest first, where there are several. Each number
 * is from 1 to 4096; docs/training.md has the defaults.
 */
export interface TaskEncoderOptions {
  readonly heads?: number;
  /** Tokens that a support set is distilled into. */
  readonly latents?: number;
  /** Of them, those that become sparse prompts. */
  readonly tokens?: number;
  readonly blocks?: number;
  /** Self-attention blocks over what a query has read. */
  readonly joint?: number;
  readonly bins?: readonly number[];
  readonly values?: readonly number[];
  readonly ridge?: readonly number[];
  readonly widths?: readonly number[];
  /** Channels of an own stem, for a model that has none. */
  readonly sideStem?: readonly number[];
}

/** Of baselines. */
export interface BaselineOptions {
  /** Weight of the cross-entropy beside the Dice loss; 0 but for `unet`, where it is 1. */
  readonly crossEntropy?: number;
  /** Of `cyclegan`: weights of picture -> mask -> picture, 2, and of mask -> picture -> mask, 10. */
  readonly imageCycle?: number;
  readonly maskCycle?: number;
  /** Of `cyclegan`: weight of what a generator does to its own domain, relative to that domain's cycle; 0. */
  readonly identity?: number;
  /** Of `cyclegan` C2: weight of the difference from the true mask, 100. */
  readonly paired?: number;
}

type TrainedPart = 'adapter' | 'decoder' | 'prompt-encoder' | 'encoder' | 'task-encoder' | 'all';

/** Only `out` is required. Defaults and ranges: docs/training.md. */
export interface TrainOptions {
  /** The run folder: config.json, metrics.jsonl, checkpoint-*.safetensors. */
  readonly out: string | URL;
  /** Go on from the newest checkpoint in `out`, if there is one. */
  readonly resume?: boolean;
  /**
   * What of a SAM trains. Where left out: `adapter` and `decoder` if there is an adapter, in episodes `task-encoder` too;
   * without an adapter `all`, which is everything but an adapter, the task encoder in episodes alone. A baseline trains
   * as a whole.
   */
  readonly train?: TrainedPart | readonly TrainedPart[];
  /** Null (the default): no new one. The command line puts a `pooled` one on a checkpoint. */
  readonly adapter?: AdapterOptions | null;

  /** Predict queries from support sets of their tasks. Without data sets, all tasks are synthetic. */
  readonly episodes?: boolean;
  /** The task encoder to put on a model that has none. */
  readonly taskEncoder?: TaskEncoderOptions | null;
  /** Sizes of the support set, one drawn a batch. */
  readonly supports?: readonly number[];
  /** Sides of the encoder's input in pixels, one drawn a step; the model's own alone if left out. */
  readonly imageSizes?: readonly number[];
  /** Queries of each task. */
  readonly queries?: number;
  /** Share of the tasks that are synthetic, where there are data sets. */
  readonly syntheticShare?: number;
  /** Weight of the loss of the task encoder's own logits. */
  readonly denseWeight?: number;
  /** Weight of the loss of the same queries with clicks and boxes. */
  readonly promptedWeight?: number;
  /** Support set of the validation. */
  readonly validateSupports?: number;

  readonly baseline?: BaselineOptions | null;

  /** Only these data sets of the stores. */
  readonly datasets?: readonly string[];
  /** Only these label values. */
  readonly labels?: readonly number[];
  /** Smaller masks are no samples. */
  readonly minPixels?: number;

  readonly steps?: number;
  /** Stop, with a checkpoint, after that long; 0 = never. */
  readonly maxMinutes?: number;
  readonly batchSize?: number;
  /** Objects asked for in each image, of any of its labels; 1 by default. */
  readonly promptsPerImage?: number;
  /** Batches that make one step. */
  readonly accumulate?: number;
  readonly seed?: number;

  readonly learningRate?: number;
  readonly warmupSteps?: number;
  readonly schedule?: 'constant' | 'linear' | 'cosine' | 'poly' | 'constant-linear';
  /** Last learning rate / learningRate. */
  readonly finalFactor?: number;
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
  /** Of the whole gradient's norm; 0 = never. */
  readonly clipNorm?: number;
  /**
   * Decay of a running mean of the weights, such as 0.998: the mean is what validates and is written as the model.
   * 0 (the default) = the last weights themselves.
   */
  readonly average?: number;
  /**
   * Of the arithmetic: `float32` (the default), `tf32` (CUDA), or `bfloat16`, autocast with weights in float32: for GPUs
   * and for processors that compute in it (`runtimeInfo().bfloat16`), elsewhere it takes many times as long.
   */
  readonly dtype?: 'float32' | 'tf32' | 'bfloat16';
  /** Recomputes the activations of all blocks of the encoder: trades time for memory. */
  readonly activationCheckpointing?: boolean;
  /**
   * Bytes that the process (on CUDA: its tensors) may take: a step is measured first, and as many blocks are recomputed
   * as that needs. The training fails with ERR_OUT_OF_MEMORY where that is not enough. 0 (the default) = no limit.
   */
  readonly memory?: number;
  /**
   * Bytes, 1 GiB where left out, for what the encoder's blocks before the first that learns make of a picture, which is
   * then not made again when it comes again. Used in trainings on prompts whose pictures are never altered but by `flip`
   * (`noise: 0`), where the adapter starts late or the decoder alone trains.
   */
  readonly activationCache?: number;

  readonly focalWeight?: number;
  readonly diceWeight?: number;
  readonly iouWeight?: number;
  readonly target?: 'area' | 'nearest' | 'soft';

  /** Shares of the kinds of prompt; they need not sum to 1. */
  readonly boxShare?: number;
  readonly pointsShare?: number;
  readonly bothShare?: number;
  readonly maxPoints?: number;
  /** Each side of a box moves out by up to this many pixels at 1024. */
  readonly boxOffset?: number;
  /** Batches with a second pass that corrects the first. */
  readonly refineShare?: number;

  readonly flip?: number;
  readonly noise?: number;
  readonly zoom?: number;
  readonly rotate?: number;
  readonly gamma?: number;
  /**
   * Of episodes from the stores: the strength, 0 (the default) to 1, of UniverSeg's recipe, which makes other tasks of a
   * task (negatives, inverted masks, their edges, turns, shifts, bends, greys) and varies each of its pictures. At 1 the
   * chances are as published.
   */
  readonly taskAugment?: number;

  /** Steps between validations; 0 = only at the end. */
  readonly validateEvery?: number;
  readonly validateSamples?: number;
  readonly checkpointEvery?: number;
  readonly keepCheckpoints?: number;
  /** Steps between models kept as `step-NNN.safetensors`, to choose among later; 0 = none. */
  readonly exportEvery?: number;
  /** Steps between looks at the losses. */
  readonly reportEvery?: number;
  /** Threads that make batches, which come in the same order whatever their number. Default 1; on CUDA all cores but two. */
  readonly feedThreads?: number;

  /** Stops the training after a checkpoint of the last whole step; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

const number = z.number().optional();
const count = z.int().nonnegative().optional();
const counts = z.array(z.int().positive()).optional();
const part = z.enum(['adapter', 'decoder', 'prompt-encoder', 'encoder', 'task-encoder', 'all']);

// Kinds and names only: ranges are checked where the options are used, in native/core/train/options.cc.
const schema = z.strictObject({
  resume: z.boolean().optional(),
  train: z.union([part, z.array(part)]).optional(),
  adapter: z
    .strictObject({
      kind: z.enum(['pooled', 'lora', 'token-pooled']).optional(),
      rank: count,
      gate: z.enum(['identity', 'shared', 'learned']).optional(),
      scale: number,
      firstBlock: count,
    })
    .nullable()
    .optional(),
  episodes: z.boolean().optional(),
  taskEncoder: z
    .strictObject({
      heads: count,
      latents: count,
      tokens: count,
      blocks: count,
      joint: count,
      bins: counts,
      values: counts,
      ridge: counts,
      widths: counts,
      sideStem: z.array(z.int().positive()).optional(),
    })
    .nullable()
    .optional(),
  supports: counts,
  imageSizes: counts,
  queries: count,
  syntheticShare: number,
  denseWeight: number,
  promptedWeight: number,
  validateSupports: count,
  baseline: z
    .strictObject({
      crossEntropy: number,
      imageCycle: number,
      maskCycle: number,
      identity: number,
      paired: number,
    })
    .nullable()
    .optional(),
  datasets: z.array(z.string()).optional(),
  labels: z.array(z.int()).optional(),
  minPixels: count,
  steps: count,
  maxMinutes: number,
  batchSize: count,
  promptsPerImage: count,
  accumulate: count,
  seed: count,
  learningRate: number,
  warmupSteps: count,
  schedule: z.enum(['constant', 'linear', 'cosine', 'poly', 'constant-linear']).optional(),
  finalFactor: number,
  beta1: number,
  beta2: number,
  epsilon: number,
  weightDecay: number,
  clipNorm: number,
  average: number,
  dtype: z.enum(['float32', 'tf32', 'bfloat16']).optional(),
  activationCheckpointing: z.boolean().optional(),
  memory: count,
  activationCache: count,
  focalWeight: number,
  diceWeight: number,
  iouWeight: number,
  target: z.enum(['area', 'nearest', 'soft']).optional(),
  boxShare: number,
  pointsShare: number,
  bothShare: number,
  maxPoints: count,
  boxOffset: number,
  refineShare: number,
  flip: number,
  noise: number,
  zoom: number,
  rotate: number,
  gamma: number,
  taskAugment: number,
  validateEvery: count,
  validateSamples: count,
  checkpointEvery: count,
  keepCheckpoints: count,
  exportEvery: count,
  reportEvery: count,
  feedThreads: count,
} satisfies Record<Exclude<keyof TrainOptions, 'out' | 'signal'>, z.ZodType>);

/**
 * The JSON that the addon takes.
 * @throws GmisegError ERR_INVALID_ARG
 */
export function trainOptionsJson(
  dataset: string | URL | readonly (string | URL)[],
  options: TrainOptions,
): string {
  const stores = Array.isArray(dataset) ? (dataset as readonly (string | URL)[]) : [dataset as string | URL];
  if (stores.length === 0 && options?.episodes !== true)
    throw invalid('dataset', 'the folder of a slice store, or a list of them', dataset);
  for (const store of stores) requireFolder('dataset', store);
  requireObject('options', options);
  const { out, signal, ...rest } = options;
  requireFolder('options.out', out);
  requireSignal('options.signal', signal);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const parsed = schema.safeParse(given);
  if (!parsed.success) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `The training options do not fit:\n${z.prettifyError(parsed.error)}`,
      {
        cause: parsed.error,
      },
    );
  }
  return JSON.stringify({ ...parsed.data, data: stores.map(toPath), out: toPath(out) });
}

function requireFolder(name: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return;
  if (value instanceof URL && value.protocol === 'file:') return;
  throw invalid(name, 'the path of a folder', value);
}
