import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeLoadOptions } from '../types/native.js';
import { type BaselineConfig, METHODS, type Method } from './baseline.js';
import { GmisegError } from './errors.js';
import { packageRoot } from './package-root.js';
import { invalid, requireInteger, requireKeys, requireOneOf, requireSignal } from './validate.js';

/** Sizes of a SAM, with the keys of a checkpoint's config.json. */
export interface ModelConfig {
  readonly image_size: number;
  readonly patch_size: number;
  readonly embed_dim: number;
  readonly depth: number;
  readonly num_heads: number;
  readonly global_attn_indexes: readonly number[];
  readonly window_size: number;
  readonly prompt_embed_dim: number;
  readonly decoder_mlp_dim?: number;
  readonly decoder_num_heads?: number;
  readonly iou_head_hidden_dim?: number;
  readonly mlp_dim?: number;
  readonly decoder_norm_eps?: number;
  /** Channels of a convolutional stem at strides patch_size / 4 and patch_size / 2, or []. */
  readonly stem?: readonly number[];
  /** Points and boxes are also painted into the mask prompt; for small models trained from scratch. */
  readonly dense_prompts?: boolean;
  readonly preprocessing?: 'sam' | 'medsam' | 'centred';
  readonly [key: string]: unknown;
}

export const VARIANTS = ['vit_b', 'vit_l', 'vit_h', 'tiny', 'small'] as const;
export type Variant = (typeof VARIANTS)[number];
const NAMES: readonly string[] = [...VARIANTS, ...METHODS];
/** For messages. */
const QUOTED = NAMES.map((name) => `'${name}'`).join(', ');

/** Whether a config's text names a variant or a method; else it is a path. */
export function isConfigName(config: string): boolean {
  return NAMES.includes(config);
}

export interface LoadProgress {
  /** `load`; others may join it. */
  readonly stage: string;
  /** 0 to 1 */
  readonly fraction: number;
}

export interface LoadOptions {
  /**
   * A .safetensors or .pth file or a Hugging Face folder, of a SAM or of a baseline. Without it: random weights of `config`, or the
   * package's own model if there is no `config` either.
   */
  readonly checkpoint?: string | URL;
  /**
   * A variant's name, the name of a baseline's method, the path of a config.json, or such an object. Inferred from
   * the checkpoint where possible.
   */
  readonly config?: Variant | Method | (string & {}) | URL | ModelConfig | BaselineConfig;
  /** An adapter file of `save` or of a training run, put on the model. */
  readonly adapter?: string | URL;
  /**
   * Side of the encoder's input in pixels, if another than the model's own: position weights are resized. A multiple of
   * the model's patch size up to 8192; 0 (the default) = the model's own.
   */
  readonly imageSize?: number;
  /** `auto` (the default) takes a GPU where LibTorch finds one. */
  readonly device?: 'auto' | 'cpu' | 'cuda' | `cuda:${number}`;
  /**
   * Of weights and arithmetic: `float32` (the default), or `bfloat16`, half the memory of the weights. A processor that
   * has no arithmetic of bfloat16 (`runtimeInfo().bfloat16`) computes in float32 then. A baseline has `float32` alone.
   */
  readonly dtype?: 'float32' | 'bfloat16';
  /** LibTorch's threads for one operation on the CPU, 1 to 4096; 0 (the default) leaves the choice to it. */
  readonly threads?: number;
  /** Of random weights: 0 (the default) to 2^53 - 1. */
  readonly seed?: number;
  /**
   * A folder for embeddings, by the content of picture and weights: a picture that the model has seen is not encoded
   * again, by whatever process, and the answer is the same to the last bit. Made where it is missing; processes may
   * share it. Nothing is kept where this is left out, nor after a training in this process.
   */
  readonly embeddingCache?: string | URL;
  /** Bytes that folder may hold, 4 GiB where left out: beyond, what was not asked for the longest goes. */
  readonly embeddingCacheBytes?: number;
  /** Stops the loading; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** What it throws, the promise rejects with. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

const EMBEDDING_CACHE_BYTES = 4 * 2 ** 30;

const KEYS = [
  'checkpoint',
  'config',
  'adapter',
  'imageSize',
  'device',
  'dtype',
  'threads',
  'seed',
  'embeddingCache',
  'embeddingCacheBytes',
  'signal',
  'onProgress',
];

/** Checks what needs no file. @throws GmisegError ERR_INVALID_ARG */
export function checkLoadOptions(options: LoadOptions): void {
  requireKeys('options', options, KEYS);
  const {
    checkpoint,
    config,
    adapter,
    imageSize = 0,
    device = 'auto',
    dtype = 'float32',
    threads = 0,
    seed = 0,
    embeddingCacheBytes = EMBEDDING_CACHE_BYTES,
  } = options;
  requirePath('embeddingCache', options.embeddingCache);
  requireInteger('embeddingCacheBytes', embeddingCacheBytes, 0, Number.MAX_SAFE_INTEGER);
  requirePath('checkpoint', checkpoint);
  requirePath('adapter', adapter);
  if (config !== undefined && (typeof config !== 'object' || config === null || Array.isArray(config))) {
    requirePath('config', config, `${QUOTED}, a path or an object`);
  }
  if (typeof device !== 'string' || !/^(auto|cpu|cuda(:\d{1,3})?)$/.test(device)) {
    throw invalid('device', "'auto', 'cpu', 'cuda' or 'cuda:N'", device);
  }
  requireOneOf('dtype', dtype, ['float32', 'bfloat16']);
  requireInteger('imageSize', imageSize, 0, 8192);
  requireInteger('threads', threads, 0, 4096);
  requireInteger('seed', seed, 0, Number.MAX_SAFE_INTEGER);
  requireSignal('signal', options.signal);
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    throw invalid('onProgress', 'a function', options.onProgress);
  }
}

function requirePath(name: string, value: unknown, expectation = 'a path or a file URL'): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  if (value instanceof URL && value.protocol === 'file:') return;
  throw invalid(name, expectation, value);
}

/** A path or file URL as an absolute path. */
export function toPath(path: string | URL): string {
  return path instanceof URL ? fileURLToPath(path) : resolve(path);
}

/** The options as the addon takes them; reads the config's file. */
export async function nativeLoadOptions(options: LoadOptions): Promise<NativeLoadOptions> {
  const { adapter, imageSize = 0, device = 'auto', dtype = 'float32', threads = 0, seed = 0 } = options;
  const { embeddingCache, embeddingCacheBytes = EMBEDDING_CACHE_BYTES } = options;
  const checkpoint = checkpointPath(options);
  return {
    checkpoint,
    config: await configText(options.config),
    adapter: adapter === undefined ? '' : toPath(adapter),
    imageSize,
    device,
    dtype,
    threads,
    seed,
    embeddingCache: embeddingCache === undefined ? '' : toPath(embeddingCache),
    embeddingCacheBytes,
  };
}

/** '' means random weights. */
function checkpointPath({ checkpoint, config }: LoadOptions): string {
  if (checkpoint !== undefined) return toPath(checkpoint);
  if (config !== undefined) return '';
  const path = join(packageRoot().path, 'models', 'default', 'model.safetensors');
  if (existsSync(path)) return path;
  throw new GmisegError(
    'ERR_CHECKPOINT_NOT_FOUND',
    `Neither checkpoint nor config is given, and the package's own model is not there (${path}). Name a ` +
      "checkpoint: a .safetensors or .pth file of SAM or MedSAM, or a Hugging Face folder. For random weights, name a config such as 'tiny'.",
    { details: { path } },
  );
}

/** The name of a variant or of a method, or JSON text; '' to infer it. */
async function configText(config: LoadOptions['config']): Promise<string> {
  if (config === undefined) return '';
  if (typeof config === 'string' && isConfigName(config)) return config;
  if (typeof config === 'object' && !(config instanceof URL)) return JSON.stringify(config);
  const path = toPath(config);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new GmisegError(
      missing ? 'ERR_CHECKPOINT_NOT_FOUND' : 'ERR_IO',
      `config must be ${QUOTED}, an object or a readable file, but ` +
        `${path} ${missing ? 'does not exist' : `cannot be read: ${(cause as Error).message}`}.`,
      { cause, details: { path } },
    );
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new GmisegError(
      'ERR_CHECKPOINT_FORMAT',
      `The config ${path} is not JSON: ${(cause as Error).message}`,
      {
        cause,
        details: { path },
      },
    );
  }
  return text;
}
