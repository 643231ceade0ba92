import type { Box, Point } from '../prompts.js';
import type { Random } from './random.js';

/** A label map: row-major [height, width]. */
export interface LabelPixels {
  readonly data: ArrayLike<number>;
  readonly width: number;
  readonly height: number;
}

/**
 * The tight box of a label's pixels, as x0, y0, x1, y1 of the outermost pixels;
 * null where there are none. A box without width or height, which no model
 * takes, is half a pixel wider on both sides.
 */
export function tightBox({ data, width, height }: LabelPixels, value: number): Box | null {
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      if (data[at] !== value) continue;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      y1 = y;
    }
  }
  if (x1 < 0) return null;
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  return [x0, y0, x1, y1];
}

/** A box as somebody draws it by hand: each side up to `most` pixels outside, within the picture. */
export function looseBox(
  [x0, y0, x1, y1]: Box,
  { width, height }: LabelPixels,
  most: number,
  random: Random,
): Box {
  return [
    Math.max(0, x0 - random.uniform(0, most)),
    Math.max(0, y0 - random.uniform(0, most)),
    Math.min(width - 1, x1 + random.uniform(0, most)),
    Math.min(height - 1, y1 + random.uniform(0, most)),
  ];
}

/**
 * Where somebody would click on a label: the pixel farthest from its border (of
 * equally far ones the first, row by row); null where there are no pixels.
 * Distances are in city blocks.
 */
export function deepestPoint({ data, width, height }: LabelPixels, value: number): Point | null {
  const depth = new Int32Array(width * height);
  const inside = (at: number): boolean => data[at] === value;
  const before = (x: number, y: number, at: number): number =>
    Math.min(x === 0 ? 0 : (depth[at - 1] as number), y === 0 ? 0 : (depth[at - width] as number));
  const behind = (x: number, y: number, at: number): number =>
    Math.min(
      x === width - 1 ? 0 : (depth[at + 1] as number),
      y === height - 1 ? 0 : (depth[at + width] as number),
    );
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) if (inside(at)) depth[at] = before(x, y, at) + 1;
  }
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      const at = y * width + x;
      if (inside(at)) depth[at] = Math.min(depth[at] as number, behind(x, y, at) + 1);
    }
  }
  let best = -1;
  for (let at = 0; at < depth.length; at++)
    if ((depth[at] as number) > (best < 0 ? 0 : (depth[best] as number))) best = at;
  return best < 0 ? null : { x: best % width, y: Math.floor(best / width), label: 1 };
}
