import path from 'node:path';
import { type Command, Option } from 'commander';
import { isBaseline, METHODS } from '../baseline.js';
import { VARIANTS } from '../load-options.js';
import type { Segmenter } from '../segmenter.js';
import type { TrainingLog } from '../tensorboard/training-log.js';
import type { TrainSummary } from '../training.js';
import { type CommandContext, define } from './context.js';
import { addRuntimeOptions, loadSegmenter, method } from './model-options.js';
import { collect, decimal, integer, size } from './parsers.js';
import { duration } from './progress.js';
import type { Shell } from './shell.js';
import { ADAPTER_KINDS, GAN_VARIANTS, PARTS, planTraining, type TrainFlags } from './train-plan.js';
import { followTraining } from './train-view.js';
import { UsageError } from './usage-error.js';

const SLOW_BFLOAT16 =
  'this processor has no arithmetic of bfloat16, and a training in it takes many times as long. Leave --dtype out.';

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
        '--first-block <n>',
        "of a new adapter: the encoder's first block that is adapted; a late one trains faster (default: 0)",
        integer('--first-block', 0),
      )
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
    if (isBaseline(segmenter.info) && flags.firstBlock !== undefined)
      throw new UsageError('--first-block is of an adapter, and a baseline has none.');
    const options = isBaseline(segmenter.info) ? plan.options : { ...plan.defaults, ...plan.options };
    if (options.dtype === 'bfloat16' && segmenter.info.device === 'cpu') {
      const { runtimeInfo } = await import('../inspect.js');
      if (!runtimeInfo().bfloat16) context.warn(SLOW_BFLOAT16);
    }
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
