import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { BaselineConfig, Method } from '../baseline.js';
import { type ModelSource, runBase } from '../run-folder/model-source.js';
import { readRunConfig, readRunSource } from '../run-folder/run-files.js';
import type { AdapterOptions, TrainOptions } from '../train-options.js';
import type { RuntimeFlags } from './model-options.js';
import { UsageError } from './usage-error.js';

export interface TrainFlags extends RuntimeFlags {
  data?: string[];
  out: string;
  resume?: boolean;
  checkpoint?: string;
  config?: string;
  method?: Method;
  variant?: string;
  width?: number;
  adapter?: string;
  adapterKind?: string;
  rank?: number;
  firstBlock?: number;
  train?: string;
  episodes?: boolean;
  imageSize?: number;
  steps?: number;
  minutes?: number;
  batch?: number;
  lr?: number;
  dtype?: 'float32' | 'tf32' | 'bfloat16';
  memory?: number;
  seed?: number;
  set?: string[];
  tensorboard?: boolean;
}

export const GAN_VARIANTS = ['C1', 'C2', 'C3'];
export const ADAPTER_KINDS = ['lora', 'pooled', 'token-pooled', 'none'];
export const PARTS = ['adapter', 'decoder', 'prompt-encoder', 'encoder', 'task-encoder', 'all'];

/** What the flags of a training come to. */
export interface TrainPlan {
  readonly source: ModelSource;
  readonly data: string[];
  readonly options: TrainOptions;
  /** What a SAM trains where the options do not say. */
  readonly defaults: Partial<TrainOptions>;
}

/** Flags, and on --resume the run's own settings below them, as what Segmenter wants. */
export async function planTraining(flags: TrainFlags): Promise<TrainPlan> {
  const earlier = flags.resume === true ? await readRunConfig(flags.out) : null;
  if (
    flags.resume !== true &&
    (await stat(path.join(flags.out, 'metrics.jsonl')).catch(() => null)) !== null
  ) {
    throw new UsageError(
      `--out ${flags.out} holds a run already; go on with it (--resume) or name another folder.`,
    );
  }
  if (earlier !== null && flags.firstBlock !== undefined && flags.adapterKind === undefined)
    throw new UsageError('--first-block is of a new adapter, and a run that goes on has its own.');
  const {
    data: earlierData,
    out: _out,
    ...earlierOptions
  } = (earlier?.options ?? {}) as Partial<TrainOptions> & {
    data?: string[];
  };
  const data = flags.data ?? earlierData ?? [];
  const episodes = flags.episodes === true || earlierOptions.episodes === true;
  if (data.length === 0 && !episodes) throw new UsageError('Name the slice stores to train on with --data.');
  for (const store of data) {
    if ((await stat(store).catch(() => null))?.isDirectory() !== true) {
      throw new UsageError(`--data ${store} is no folder; gmiseg import makes slice stores.`);
    }
  }
  const source = earlier === null ? freshSource(flags) : await resumedSource(flags);
  const options: TrainOptions = {
    ...earlierOptions,
    ...given(flags),
    out: flags.out,
    resume: flags.resume === true,
  };
  return {
    source,
    data,
    options,
    defaults: earlier === null ? defaults(flags) : {},
  };
}

function freshSource(flags: TrainFlags): ModelSource {
  const source = namedSource(flags);
  if (source.checkpoint === undefined && source.config === undefined) {
    throw new UsageError(
      'Name a model to start from with --checkpoint, or with --config tiny (or another) or --method for random weights.',
    );
  }
  return source;
}

/** What is named again wins: the checkpoint may lie elsewhere by now. The trainer knows it by its hash. */
async function resumedSource(flags: TrainFlags): Promise<ModelSource> {
  const named = namedSource(flags);
  const enough = named.checkpoint !== undefined && (await readRunSource(flags.out)) === null;
  return enough ? named : { ...(await runBase(flags.out)), ...named };
}

/** What the flags say of the model to start from. */
function namedSource(flags: TrainFlags): ModelSource {
  const baseline = baselineOf(flags); // refuses what does not go together
  const config = flags.config ?? baseline;
  return {
    ...(flags.checkpoint === undefined ? {} : { checkpoint: flags.checkpoint }),
    ...(config === undefined ? {} : { config }),
    ...(flags.adapter === undefined ? {} : { adapter: flags.adapter }),
    ...(flags.imageSize === undefined ? {} : { imageSize: flags.imageSize }),
  };
}

/** The config that --method, --width and --variant say. */
function baselineOf(flags: TrainFlags): BaselineConfig | undefined {
  const { width, variant } = flags;
  if (flags.method === undefined) {
    if (width !== undefined || variant !== undefined) {
      throw new UsageError(`--${width === undefined ? 'variant' : 'width'} goes with --method.`);
    }
    return undefined;
  }
  if (flags.config !== undefined)
    throw new UsageError('--method names a baseline, --config a SAM; give one.');
  if (variant !== undefined && (flags.method !== 'cyclegan' || !GAN_VARIANTS.includes(variant))) {
    throw new UsageError(
      `--variant ${variant}: it is one of ${GAN_VARIANTS.join(', ')} of --method cyclegan.`,
    );
  }
  return {
    method: flags.method,
    ...(variant === undefined ? {} : { variant: variant as NonNullable<BaselineConfig['variant']> }),
    ...(width === undefined ? {} : widthOf(flags.method, width)),
  };
}

function widthOf(name: Method, width: number): Partial<BaselineConfig> {
  if (name === 'universeg') return { widths: [width, width, width, width] };
  if (name === 'unet') return { widths: [width, 2 * width, 4 * width, 8 * width] };
  return { width };
}

/** An adapter on a checkpoint; everything on random weights. */
function defaults(flags: TrainFlags): Partial<TrainOptions> {
  const wantsAdapter =
    flags.adapterKind === undefined && flags.adapter === undefined && flags.checkpoint !== undefined;
  return wantsAdapter && flags.train !== 'all' ? { adapter: { kind: 'pooled', ...start(flags) } } : {};
}

function given(flags: TrainFlags): Partial<TrainOptions> {
  const { steps, minutes, batch, lr, seed } = flags;
  return {
    ...(flags.train === undefined ? {} : { train: parts(flags.train) }),
    ...(flags.episodes === undefined ? {} : { episodes: flags.episodes }),
    ...adapterOf(flags),
    ...(steps === undefined ? {} : { steps }),
    ...(minutes === undefined ? {} : { maxMinutes: minutes }),
    ...(batch === undefined ? {} : { batchSize: batch }),
    ...(lr === undefined ? {} : { learningRate: lr }),
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype }),
    ...(seed === undefined ? {} : { seed }),
    ...(flags.memory === undefined ? {} : { memory: flags.memory }),
    ...others(flags.set ?? []),
  };
}

function start({ firstBlock }: TrainFlags): Pick<AdapterOptions, 'firstBlock'> {
  return firstBlock === undefined ? {} : { firstBlock };
}

function adapterOf(flags: TrainFlags): Partial<TrainOptions> {
  const { adapterKind, rank } = flags;
  if (flags.firstBlock !== undefined && defaults(flags).adapter === undefined && !isKind(adapterKind))
    throw new UsageError('--first-block is of a new adapter: give --adapter-kind.');
  if (adapterKind === undefined) {
    if (rank !== undefined) throw new UsageError('--rank goes with --adapter-kind lora.');
    return {};
  }
  if (!ADAPTER_KINDS.includes(adapterKind)) {
    throw new UsageError(`--adapter-kind ${adapterKind}: use one of ${ADAPTER_KINDS.join(', ')}.`);
  }
  if (rank !== undefined && (adapterKind === 'pooled' || adapterKind === 'none')) {
    throw new UsageError(
      `--rank has no meaning for --adapter-kind ${adapterKind}: it goes with lora and token-pooled.`,
    );
  }
  if (adapterKind === 'none') return { adapter: null };
  const kind = adapterKind as NonNullable<AdapterOptions['kind']>;
  return { adapter: { kind, ...(rank === undefined ? {} : { rank }), ...start(flags) } };
}

function isKind(name: string | undefined): boolean {
  return name !== undefined && name !== 'none' && ADAPTER_KINDS.includes(name);
}

function parts(text: string): NonNullable<TrainOptions['train']> {
  const list = text.split(',').map((part) => part.trim());
  const unknown = list.find((part) => !PARTS.includes(part));
  if (unknown !== undefined)
    throw new UsageError(`--train ${text}: "${unknown}" is none of ${PARTS.join(', ')}.`);
  return list as NonNullable<TrainOptions['train']>;
}

/** `boxOffset=10` -> { boxOffset: 10 }; values are JSON where they can be, else text. */
function others(settings: readonly string[]): Partial<TrainOptions> {
  return Object.fromEntries(
    settings.map((setting) => {
      const at = setting.indexOf('=');
      if (at < 1) throw new UsageError(`--set ${setting}: give NAME=VALUE, for example boxOffset=10.`);
      const text = setting.slice(at + 1);
      let value: unknown = text;
      try {
        value = JSON.parse(text);
      } catch {
        // A word such as "linear" stands for itself.
      }
      return [setting.slice(0, at), value];
    }),
  );
}
