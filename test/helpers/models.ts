import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Image2D } from '../../lib/image/index.js';
import type { ModelConfig } from '../../lib/load-options.js';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/sam-tiny/${name}`, import.meta.url));

/** A complete SAM of 308 000 parameters with reference weights. */
export const TINY_WEIGHTS = fixture('weights.safetensors');
export const TINY: ModelConfig = JSON.parse(readFileSync(fixture('config.json'), 'utf8'));

/** Few weights, much work: an encoder pass takes a second or more, in many short blocks. */
export const SLOW: ModelConfig = JSON.parse(
  readFileSync(fileURLToPath(new URL('slow-model.json', import.meta.url)), 'utf8'),
);

/** A picture with some structure. */
export function picture(width = 48, height = 40, channels: 1 | 3 = 3): Image2D & { data: Uint8Array } {
  const data = new Uint8Array(width * height * channels);
  for (let index = 0; index < data.length; index++) {
    const pixel = Math.floor(index / channels);
    data[index] = (7 * Math.floor(pixel / width) + 13 * (pixel % width) + 29 * (index % channels)) % 256;
  }
  return { data, width, height, channels };
}
