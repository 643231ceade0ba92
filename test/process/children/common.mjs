// What the child scripts share. They run without a TypeScript loader, against dist/.
import { readFileSync, writeSync } from 'node:fs';

export const gmiseg = await import(new URL('../../../dist/index.js', import.meta.url).href);

const config = new URL('../../fixtures/sam-tiny/config.json', import.meta.url);
export const TINY = JSON.parse(readFileSync(config, 'utf8'));

/** Few weights, much work: an encoder pass takes a second or more, in many short blocks. */
export const SLOW = {
  ...TINY,
  image_size: 768,
  embed_dim: 32,
  depth: 24,
  num_heads: 2,
  global_attn_indexes: Array.from({ length: 24 }, (_, index) => index),
};

export const IMAGE = { data: new Uint8Array(48 * 40).fill(90), width: 48, height: 40, channels: 1 };

/**
 * Written at once: nothing is lost when the process ends in the next line.
 *
 * @param {string} line
 */
export function say(line) {
  writeSync(1, `${line}\n`);
}

/** @param {number} milliseconds */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
