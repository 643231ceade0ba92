import type { Clicks } from './place-prompts.js';
import { logitOf, probabilityOf } from './probability.js';

/**
 * What a click says of the pixels round it, as logits at the click and as a deviation in shares of the picture's
 * longer side: SAM's decoder, which sees the click too, may hold fast to what the examples say. Chosen on cardiac
 * training patients, with clicks where the answer is wrong (docs/tasks.md).
 */
const STRENGTH = 8;
const REACH = 0.03;
/** In deviations; a click says nothing beyond. */
const FURTHEST = 3;
const MOST_CERTAIN = 8;

/** The probabilities [height, width] with each click's surroundings moved its way. */
export function nearClicks(
  probability: Float32Array,
  { points }: Clicks,
  { width, height }: { readonly width: number; readonly height: number },
): Float32Array {
  if (points.length === 0) return probability;
  const deviation = REACH * Math.max(width, height);
  const logits = new Float32Array(probability.length);
  for (const { x, y, label } of points) {
    const reach = FURTHEST * deviation;
    for (let row = Math.max(0, Math.ceil(y - reach)); row <= Math.min(height - 1, y + reach); row++) {
      for (
        let column = Math.max(0, Math.ceil(x - reach));
        column <= Math.min(width - 1, x + reach);
        column++
      ) {
        const squared = (column - x) ** 2 + (row - y) ** 2;
        const at = row * width + column;
        logits[at] =
          (logits[at] as number) +
          (label === 1 ? STRENGTH : -STRENGTH) * Math.exp(-squared / (2 * deviation ** 2));
      }
    }
  }
  return probability.map((value, at) => {
    const moved = logits[at] as number;
    if (moved === 0) return value;
    const own = Math.min(MOST_CERTAIN, Math.max(-MOST_CERTAIN, logitOf(value)));
    return probabilityOf(own + moved);
  });
}
