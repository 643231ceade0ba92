// What the child scripts share. They run without a TypeScript loader, against dist/.
import { readFileSync } from 'node:fs';

export { say } from './say.mjs';

export const gmiseg = await import(new URL('../../../dist/index.js', import.meta.url).href);

/** @param {string} file */
const json = (file) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));

export const TINY = json('fixtures/sam-tiny/config.json');

/** Few weights, much work: an encoder pass takes a second or more, in many short blocks. */
export const SLOW = json('helpers/slow-model.json');

/** A pass takes minutes, longer than any test waits for a child; a block of it, half a second. */
export const ENDLESS = {
  ...SLOW,
  image_size: 1536,
  depth: 256,
  global_attn_indexes: Array.from({ length: 256 }, (_, index) => index),
};

export const IMAGE = { data: new Uint8Array(48 * 40).fill(90), width: 48, height: 40, channels: 1 };

/** @param {number} milliseconds */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
