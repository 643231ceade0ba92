import type { Command } from 'commander';
import { METHODS, type Method } from '../baseline.js';
import { type LoadOptions, VARIANTS } from '../load-options.js';
import type { ModelSource } from '../run-folder/model-source.js';
import type { Segmenter } from '../segmenter.js';
import type { CommandContext } from './context.js';
import { integer } from './parsers.js';
import { UsageError } from './usage-error.js';

/** How to run, whatever the model. */
export interface RuntimeFlags {
  device?: NonNullable<LoadOptions['device']>;
  threads?: number;
  embeddingCache?: string;
}

/** Adds --device and --threads. */
export function addRuntimeOptions(command: Command): Command {
  return command
    .option('--device <name>', 'auto, cpu, cuda or cuda:N (default: auto)', device)
    .option(
      '--threads <n>',
      'CPU threads of one operation; 0 leaves the choice to LibTorch',
      integer('--threads', 0, 4096),
    );
}

/** Adds --model, --config, --method, --adapter and --image-size, and what addRuntimeOptions adds. */
export function addModelOptions(command: Command): Command {
  return addRuntimeOptions(
    command
      .option('--model <file|dir>', 'checkpoint (.safetensors, .pth), Hugging Face folder or training run')
      .option(
        '--config <name|file>',
        `${VARIANTS.join(', ')} or a config.json (default: told from the checkpoint)`,
      )
      .option(
        '--method <name>',
        `baseline that --model holds, where its file does not tell: ${METHODS.join(', ')}`,
        method,
      )
      .option('--adapter <file>', 'adapter to put on the model')
      .option(
        '--image-size <n>',
        "side of the model's input in pixels, if another than its own",
        integer('--image-size', 32, 8192),
      ),
  );
}

/** Adds --embedding-cache. */
export function addCacheOption(command: Command): Command {
  return command.option(
    '--embedding-cache <dir>',
    'keep embeddings there, up to 4 GiB: pictures that this model has seen are not encoded again',
  );
}

/** Loads a model with a progress bar. */
export async function loadSegmenter(
  source: ModelSource,
  flags: RuntimeFlags & { dtype?: NonNullable<LoadOptions['dtype']>; seed?: number },
  { progress, signal }: Pick<CommandContext, 'progress' | 'signal'>,
): Promise<Segmenter> {
  const { Segmenter } = await import('../segmenter.js');
  progress.start('load model', 100);
  const segmenter = await Segmenter.load({
    ...source,
    ...(flags.device === undefined ? {} : { device: flags.device }),
    ...(flags.dtype === undefined ? {} : { dtype: flags.dtype }),
    ...(flags.threads === undefined ? {} : { threads: flags.threads }),
    ...(flags.embeddingCache === undefined ? {} : { embeddingCache: flags.embeddingCache }),
    ...(flags.seed === undefined ? {} : { seed: flags.seed }),
    signal,
    onProgress: ({ fraction }) => progress.update(Math.round(100 * fraction)),
  });
  progress.stop();
  return segmenter;
}

/** A commander parser for --dtype. */
export function dtype(text: string): 'float32' | 'bfloat16' {
  if (text !== 'float32' && text !== 'bfloat16')
    throw new UsageError(`--dtype ${text}: use float32 or bfloat16.`);
  return text;
}

/** A commander parser for --method. */
export function method(text: string): Method {
  if ((METHODS as readonly string[]).includes(text)) return text as Method;
  throw new UsageError(`--method ${text}: use ${METHODS.join(', ')}.`);
}

export function device(text: string): string {
  if (!/^(auto|cpu|cuda(:\d{1,3})?)$/.test(text))
    throw new UsageError(`--device ${text}: use auto, cpu, cuda or cuda:N.`);
  return text;
}
