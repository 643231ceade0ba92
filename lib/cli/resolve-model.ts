import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Method } from '../baseline.js';
import { GmisegError } from '../errors.js';
import type { LoadOptions } from '../load-options.js';
import { readRunConfig, readRunSource } from './run-files.js';
import { UsageError } from './usage-error.js';

/** What says which model to load. */
export type ModelSource = Pick<LoadOptions, 'checkpoint' | 'config' | 'adapter' | 'imageSize' | 'seed'>;

export interface ModelFlags {
  model?: string;
  config?: string;
  method?: Method;
  adapter?: string;
  imageSize?: number;
}

/**
 * Turns --model, --config, --method, --adapter and --image-size into what Segmenter.load takes. --model
 * names a checkpoint file, a Hugging Face folder, or the folder of a training
 * run: its model.safetensors, or its adapter.safetensors on the model that the
 * run started from. Flags that are given win over what a run says.
 */
export async function resolveModel(flags: ModelFlags): Promise<ModelSource> {
  if (flags.method !== undefined && (flags.config !== undefined || flags.model === undefined)) {
    throw new UsageError('--method says what --model FILE holds; --config says the same of a SAM.');
  }
  const config = flags.config ?? flags.method;
  const explicit: ModelSource = {
    ...(config === undefined ? {} : { config }),
    ...(flags.adapter === undefined ? {} : { adapter: flags.adapter }),
    ...(flags.imageSize === undefined ? {} : { imageSize: flags.imageSize }),
  };
  if (flags.model === undefined) return explicit;
  const there = await stat(flags.model).catch(() => null);
  if (there === null) {
    throw new GmisegError(
      'ERR_CHECKPOINT_NOT_FOUND',
      `--model ${flags.model} does not exist; name a .safetensors or .pth file, or the folder of a training run.`,
      { details: { path: flags.model } },
    );
  }
  if (!there.isDirectory()) return { checkpoint: flags.model, ...explicit };
  const run = await readdir(flags.model);
  if (!run.includes('metrics.jsonl')) return { checkpoint: flags.model, ...explicit };
  return { ...(await runModel(flags.model, run)), ...explicit };
}

/** The model that a training run made, from its folder. */
async function runModel(folder: string, names: readonly string[]): Promise<ModelSource> {
  if (names.includes('model.safetensors')) return { checkpoint: path.join(folder, 'model.safetensors') };
  if (!names.includes('adapter.safetensors')) {
    throw new GmisegError(
      'ERR_CHECKPOINT_NOT_FOUND',
      `The run in ${folder} has written no model yet; go on with it (gmiseg train --out ${folder} --resume).`,
      { details: { path: folder } },
    );
  }
  return { ...(await runBase(folder)), adapter: path.join(folder, 'adapter.safetensors') };
}

/** The model that a run started from. Throws where the folder does not tell. */
export async function runBase(folder: string): Promise<ModelSource> {
  const source = await readRunSource(folder);
  const config = await readRunConfig(folder);
  if (source === null || config === null) {
    throw new GmisegError(
      'ERR_CHECKPOINT_NOT_FOUND',
      `${folder} does not say which model its adapter belongs to; name the checkpoint with --model and the adapter with --adapter ${path.join(folder, 'adapter.safetensors')}.`,
      { details: { path: folder } },
    );
  }
  const base: ModelSource =
    source.checkpoint === null
      ? { config: config.model as NonNullable<ModelSource['config']>, seed: source.seed }
      : {
          checkpoint: source.checkpoint,
          ...(source.imageSize === undefined ? {} : { imageSize: source.imageSize }),
        };
  return source.adapter === null ? base : { ...base, adapter: source.adapter };
}
