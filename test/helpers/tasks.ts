import { join } from 'node:path';
import type { Image2D, LabelMap2D } from '../../lib/image/index.js';
import type { ModelConfig } from '../../lib/load-options.js';
import { Segmenter } from '../../lib/segmenter.js';
import type { TaskExample } from '../../lib/task/example.js';
import { TINY } from './models.js';

export interface Disc {
  readonly x: number;
  readonly y: number;
  readonly r: number;
  /** Value in the mask. */
  readonly label?: number;
  /** Grey level. */
  readonly grey?: number;
}

export type Scene = Omit<TaskExample, 'image' | 'mask'> & {
  readonly image: Omit<Image2D, 'data'> & { readonly data: Uint8Array };
  readonly mask: Omit<LabelMap2D, 'data'> & { readonly data: Uint8Array };
};

/** Discs on a ground with a little texture, and where they are. */
export function scene(
  discs: readonly Disc[],
  { width = 48, height = 40, channels = 1 as 1 | 3, seed = 1 } = {},
): Scene {
  const data = new Uint8Array(width * height * channels);
  const mask = new Uint8Array(width * height);
  for (let at = 0; at < mask.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    const disc = discs.find((each) => (x - each.x) ** 2 + (y - each.y) ** 2 < each.r ** 2);
    if (disc !== undefined) mask[at] = disc.label ?? 1;
    const level = (disc?.grey ?? (disc === undefined ? 60 : 180)) + ((x * 7 + y * 13 + seed * 29) % 11);
    for (let c = 0; c < channels; c++) data[at * channels + c] = level + 5 * c;
  }
  return { image: { data, width, height, channels }, mask: { data: mask, width, height } };
}

/** So many scenes with one bright disc each, here and there. */
export function discs(count: number, options: Parameters<typeof scene>[1] = {}): Scene[] {
  return Array.from({ length: count }, (_, at) =>
    scene([{ x: 15 + ((at * 7) % 19), y: 13 + ((at * 5) % 15), r: 7 + (at % 4) }], {
      ...options,
      seed: at + 1,
    }),
  );
}

/** Small, with all parts that a model for tasks has. */
export const TASK_MODEL: ModelConfig = { ...TINY, image_size: 64, stem: [8, 16], dense_prompts: true };

/** A model with a task encoder, trained for a few steps on synthetic tasks: it knows nothing, but is complete. */
export async function taskModel(folder: string): Promise<string> {
  const segmenter = await Segmenter.load({ config: TASK_MODEL, device: 'cpu', threads: 1 });
  await segmenter.train([], {
    out: join(folder, 'run'),
    episodes: true,
    steps: 3,
    batchSize: 1,
    supports: [1, 2],
    queries: 2,
    validateEvery: 0,
    validateSamples: 0,
    warmupSteps: 0,
  });
  await segmenter.close();
  return join(folder, 'run', 'model.safetensors');
}
