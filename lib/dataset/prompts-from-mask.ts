import type { Box } from '../prompts.js';

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
