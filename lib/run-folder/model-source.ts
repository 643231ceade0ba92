import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { GmisegError } from '../errors.js';
import type { LoadOptions } from '../load-options.js';
import { readRunConfig, readRunSource } from './run-files.js';

/** What says which model to load. */
export type ModelSource = Pick<LoadOptions, 'checkpoint' | 'config' | 'adapter' | 'imageSize' | 'seed'>;

/**
 * The model at a path: a checkpoint file, a Hugging Face folder, or the folder of a training run, which holds
 * model.safetensors, or adapter.safetensors on the model that the run started from.
 * @throws GmisegError ERR_CHECKPOINT_NOT_FOUND; ERR_CHECKPOINT_FORMAT, ERR_IO from a run's files
 */
export async function modelAt(file: string): Promise<ModelSource> {
  const there = await stat(file).catch(() => null);
  if (there === null) {
    throw new GmisegError(
      'ERR_CHECKPOINT_NOT_FOUND',
      `The model ${file} does not exist; name a .safetensors or .pth file, or the folder of a training run.`,
      { details: { path: file } },
    );
  }
  if (!there.isDirectory()) return { checkpoint: file };
  const names = await readdir(file);
  return names.includes('metrics.jsonl') ? await runModel(file, names) : { checkpoint: file };
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
      `${folder} does not say which model its adapter belongs to; name that checkpoint, and ${path.join(folder, 'adapter.safetensors')} as the adapter on it (--model and --adapter, or checkpoint and adapter of a config).`,
      { details: { path: folder } },
    );
  }
  const base: ModelSource =
    source.checkpoint === null
      ? { config: config.model as NonNullable<ModelSource['config']>, seed: source.seed }
      : {
          checkpoint: source.checkpoint,
          ...(source.config === undefined
            ? {}
            : { config: source.config as NonNullable<ModelSource['config']> }),
          ...(source.imageSize === undefined ? {} : { imageSize: source.imageSize }),
        };
  return source.adapter === null ? base : { ...base, adapter: source.adapter };
}
