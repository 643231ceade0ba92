import { resizeNearest } from '../dataset/square-pixels.js';
import { type LabelMap2D, labelArray, type Uint8Image } from '../image/index.js';
import type { Box, Point } from '../prompts.js';
import type { Segmenter } from '../segmenter.js';
import { squareMask, squarePicture } from '../task/picture.js';

/** What describes one object on one picture. */
export interface ObjectPrompt {
  readonly points?: readonly Point[];
  readonly box?: Box;
  /** [height, width] of the picture, 0 or not 0 */
  readonly mask?: Uint8Array;
  /** The value that the object's pixels get in a label map. */
  readonly value: number;
}

export interface ObjectResult {
  readonly value: number;
  /** [height, width] of the picture, 0 or 1 */
  readonly mask: Uint8Array;
  readonly pixels: number;
  /** The IoU that the model expects. */
  readonly score: number;
  readonly stability: number;
}

export interface PredictSliceOptions {
  /** Ask for three masks and keep the one that the model trusts most. */
  readonly multimask?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Predicts the objects of one 8-bit picture, which is encoded once. Pictures with
 * unequal spacings go through square pixels, as in training; prompts and masks
 * are in the picture's own pixels all the same.
 */
export async function predictSlice(
  segmenter: Segmenter,
  picture: Uint8Image,
  objects: readonly ObjectPrompt[],
  { multimask = false, signal }: PredictSliceOptions = {},
): Promise<ObjectResult[]> {
  const { width, height } = picture;
  const square = squarePicture(picture);
  const [scaleX, scaleY] = [square.width / width, square.height / height];
  const job = signal === undefined ? {} : { signal };
  const embedding = await segmenter.encode(square, job);
  try {
    const results: ObjectResult[] = [];
    for (const { points, box, mask, value } of objects) {
      const out = await segmenter.predict(
        embedding,
        {
          ...(points === undefined
            ? {}
            : { points: points.map((point) => ({ ...point, x: point.x * scaleX, y: point.y * scaleY })) }),
          ...(box === undefined
            ? {}
            : { box: [box[0] * scaleX, box[1] * scaleY, box[2] * scaleX, box[3] * scaleY] as const }),
          ...(mask === undefined ? {} : { mask: squareMask(mask, square) }),
        },
        { multimask, ...job },
      );
      const best = out.scores.indexOf(Math.max(...out.scores));
      const size = out.width * out.height;
      const own = resizeNearest(
        out.masks.subarray(best * size, (best + 1) * size),
        square.height,
        square.width,
        height,
        width,
      );
      results.push({
        value,
        mask: own,
        pixels: own.reduce((sum, pixel) => sum + pixel, 0),
        score: out.scores[best] as number,
        stability: out.stability[best] as number,
      });
    }
    return results;
  } finally {
    embedding.close();
  }
}

/** The objects' pixels in one map; where objects overlap, the later one wins. */
export function labelMapOf(results: readonly ObjectResult[], length: number): LabelMap2D['data'] {
  const map = new (labelArray(Math.max(0, ...results.map(({ value }) => value))))(length);
  for (const { mask, value } of results) {
    for (let at = 0; at < length; at++) if (mask[at] !== 0) map[at] = value;
  }
  return map;
}
