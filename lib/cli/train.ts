import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { type BaselineConfig, isBaseline, METHODS, type Method } from '../baseline.js';
import { VARIANTS } from '../load-options.js';
import { type ModelSource, runBase } from '../run-folder/model-source.js';
import { readRunConfig, readRunSource } from '../run-folder/run-files.js';
import type { Segmenter } from '../segmenter.js';
import type { TrainingLog } from '../tensorboard/training-log.js';
import type { AdapterOptions, TrainOptions } from '../train-options.js';
import type { Training, TrainStep, TrainSummary } from '../training.js';
import { type CommandContext, define } from './context.js';
import { addRuntimeOptions, loadSegmenter, method, type RuntimeFlags } from './model-options.js';
import { collect, decimal, integer, size } from './parsers.js';
import { duration, type Progress } from './progress.js';
import type { Shell } from './shell.js';
import { UsageError } from './usage-error.js';

interface TrainFlags extends RuntimeFlags {
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

const GAN_VARIANTS = ['C1', 'C2', 'C3'];
const ADAPTER_KINDS = ['lora', 'pooled', 'token-pooled', 'none'];
const PARTS = ['adapter', 'decoder', 'prompt-encoder', 'encoder', 'task-encoder', 'all'];

export function registerTrain(program: Command, shell: Shell): void {
  const command = addRuntimeOptions(
    program
      .command('train')
      .description('train a model, or an adapter on one, on slice stores')
      .option('--data <store...>', 'slice stores of gmiseg import')
      .requiredOption('--out <run>', 'the run folder')
      .option('--resume', 'go on with the run in --out, with its own data and settings')
      .option('--checkpoint <file>', 'the model to start from (default: random weights of --config)')
      .option('--config <name|file>', `${VARIANTS.join(', ')} or a config.json`)
      .option(
        '--method <name>',
        `a baseline in place of a SAM: ${METHODS.join(', ')} (random weights, or those in --checkpoint)`,
        method,
      )
      .option('--variant <name>', `of cyclegan: ${GAN_VARIANTS.join(', ')} (default: C3)`)
      .option(
        '--width <n>',
        'of a new baseline: channels of its first stage (default: 64; unet: 32)',
        integer('--width', 1, 128),
      )
      .option('--adapter <file>', 'an adapter to start from')
      .option(
        '--adapter-kind <kind>',
        `${ADAPTER_KINDS.join(', ')} (default: pooled on a checkpoint, none on random weights)`,
      )
      .option('--rank <n>', 'of a lora or token-pooled adapter (default: 4)', integer('--rank', 1))
      .option(
        '--train <parts>',
        `what trains, separated by commas: ${PARTS.join(', ')} (default: with an adapter adapter,decoder and in episodes task-encoder, else all)`,
      )
      .option('--episodes', 'predict from support sets; without --data, on synthetic tasks alone')
      .option(
        '--image-size <n>',
        "side of the model's input, if another than its own",
        integer('--image-size', 32, 8192),
      )
      .option('--steps <n>', 'optimiser steps (default: 1000)', integer('--steps', 1))
      .option('--minutes <n>', 'stop after that long, with a checkpoint', decimal('--minutes', 0))
      .option(
        '--batch <n>',
        'images of a micro-batch, in episodes tasks (default: 4; unet 8, cyclegan 1)',
        integer('--batch', 1),
      )
      .option('--lr <rate>', 'learning rate (default: 1e-4; unet 1e-3, cyclegan 2e-4)', decimal('--lr', 0))
      .addOption(
        new Option(
          '--dtype <type>',
          'of the arithmetic: float32, bfloat16, or on CUDA tf32 (default: float32)',
        ).choices(['float32', 'tf32', 'bfloat16']),
      )
      .option(
        '--memory <size>',
        'what the process may take, such as 8GiB: as many activations are recomputed as that needs',
        size('--memory'),
      )
      .option('--seed <n>', 'seed of everything random (default: 0)', integer('--seed', 0))
      .option(
        '--set <name=value>',
        'any other training option, for example --set boxOffset=10; repeatable',
        collect,
      )
      .option('--tensorboard', 'also write a log for TensorBoard, into the folder tensorboard of the run'),
  );
  define<TrainFlags>(
    command,
    shell,
    'gmiseg train --data stores/heart --out runs/heart --checkpoint sam_vit_b.pth --steps 2000 --lr 2e-4',
    runTrain,
  );
}

async function runTrain(flags: TrainFlags, context: CommandContext): Promise<void> {
  const plan = await planTraining(flags);
  // Held in float32 whatever --dtype says: that is the type of the arithmetic, and small updates need more.
  const { dtype: _dtype, ...runtime } = flags;
  const segmenter = await loadSegmenter(plan.source, runtime, context);
  try {
    const options = isBaseline(segmenter.info) ? plan.options : { ...plan.defaults, ...plan.options };
    const log = flags.tensorboard === true ? await tensorBoardLog(flags.out) : null;
    const training = segmenter.train(plan.data, options);
    const summary = await followTraining(training, options.steps ?? 1000, context, log);
    context.line({ type: 'summary', ...summary });
    context.say(describe(summary, segmenter, flags.out));
    // A run that the user cut short must not look done to a script that goes on with `&&`.
    if (context.signal.aborted) context.fail();
  } finally {
    await segmenter.close();
  }
}

async function tensorBoardLog(run: string): Promise<TrainingLog> {
  const { TrainingLog } = await import('../tensorboard/training-log.js');
  return new TrainingLog(path.join(run, 'tensorboard'));
}

interface TrainPlan {
  readonly source: ModelSource;
  readonly data: string[];
  readonly options: TrainOptions;
  /** What a SAM trains where the options do not say. */
  readonly defaults: Partial<TrainOptions>;
}

/** Flags, and on --resume the run's own settings below them, as what Segmenter wants. */
async function planTraining(flags: TrainFlags): Promise<TrainPlan> {
  const earlier = flags.resume === true ? await readRunConfig(flags.out) : null;
  if (
    flags.resume !== true &&
    (await stat(path.join(flags.out, 'metrics.jsonl')).catch(() => null)) !== null
  ) {
    throw new UsageError(
      `--out ${flags.out} holds a run already; go on with it (--resume) or name another folder.`,
    );
  }
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
  return wantsAdapter && flags.train !== 'all' ? { adapter: { kind: 'pooled' } } : {};
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

function adapterOf({ adapterKind, rank }: TrainFlags): Partial<TrainOptions> {
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
  return { adapter: { kind, ...(rank === undefined ? {} : { rank }) } };
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

/** Shows the reports as they come; Ctrl-C stops between two steps, after a checkpoint. */
async function followTraining(
  training: Training,
  steps: number,
  { progress, signal, line }: Pick<CommandContext, 'progress' | 'signal' | 'line'>,
  log: TrainingLog | null,
): Promise<TrainSummary> {
  const stop = (): void => {
    progress.note('\nStopping after this step ...');
    // What it fails with, the loop below fails with as well.
    training.stop().catch(() => {});
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  const view = new TrainingView(progress, steps);
  try {
    for await (const report of training) {
      line(report);
      view.show(report);
      await log?.add(report);
    }
    return await training;
  } finally {
    signal.removeEventListener('abort', stop);
    progress.stop();
    await log?.close();
  }
}

/** The bar of a training: loss and Dice (smoothed), rate, time left, last validation. */
class TrainingView {
  private loss = 0;
  private dice = 0;
  private milliseconds = 0;
  private validation = '';
  private started = false;

  constructor(
    private readonly progress: Progress,
    private readonly steps: number,
  ) {}

  show(report: TrainStep): void {
    if (!this.started) {
      this.progress.start('train', this.steps);
      this.started = true;
      if (report.type === 'step')
        [this.loss, this.dice, this.milliseconds] = [report.loss, report.dice, report.ms];
    }
    if (report.type === 'validation') {
      this.validation = ` val ${report.dice.toFixed(3)}`;
      return;
    }
    const mix = (old: number, fresh: number): number => 0.95 * old + 0.05 * fresh;
    this.loss = mix(this.loss, report.loss);
    this.dice = mix(this.dice, report.dice);
    this.milliseconds = mix(this.milliseconds, report.ms);
    const left = ((this.steps - report.step) * this.milliseconds) / 1000;
    const rate = this.milliseconds > 0 ? `${(1000 / this.milliseconds).toFixed(1)}/s` : '';
    this.progress.update(
      report.step,
      `loss ${this.loss.toFixed(3)} dice ${this.dice.toFixed(3)}${this.validation} ${rate} ${duration(left)} left`,
    );
  }
}

function describe(summary: TrainSummary, segmenter: Segmenter, out: string): string {
  const { steps, stopped, seconds, valDice, bestValDice, bestStep, trainableParameters, loss, file } =
    summary;
  const lines = [
    `${stopped ? 'Stopped' : 'Done'} after ${steps} steps, ${duration(seconds)}: loss ${loss.toFixed(4)}`,
    `  trained   ${trainableParameters.toLocaleString('en')} parameters of ${segmenter.info.variant}, on ${segmenter.info.device}`,
    ...(valDice === null
      ? []
      : [
          `  val Dice  ${valDice.toFixed(3)} (best ${(bestValDice ?? valDice).toFixed(3)} at step ${bestStep})`,
        ]),
    `  model     ${file}`,
    stopped
      ? `Go on with: gmiseg train --out ${out} --resume`
      : `Next: gmiseg predict --model ${out} --image YOUR_IMAGE.png ${isBaseline(segmenter.info) ? '--support EXAMPLES/' : '--box x0,y0,x1,y1'} --out masks/`,
  ];
  return lines.join('\n');
}
