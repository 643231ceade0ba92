import { GmisegError } from './errors.js';

/** How much two binary masks overlap. */
export interface Overlap {
  /** 2 |P and T| / (|P| + |T|), 0 .. 1; NaN where both masks are empty. */
  readonly dice: number;
  /** |P and T| / |P or T| = dice / (2 - dice), 0 .. 1; NaN where both masks are empty. */
  readonly jaccard: number;
  /** Pixels of the prediction, of the truth and of both. */
  readonly predictedPixels: number;
  readonly truthPixels: number;
  readonly sharedPixels: number;
}

/**
 * Dice and Jaccard of two masks of one size; every value that is not 0 counts as
 * inside. An empty prediction of a present object scores 0; two empty masks score
 * NaN, so that a mean can leave them out and count them.
 * Throws ERR_SHAPE where the lengths differ.
 */
export function overlap(prediction: ArrayLike<number>, truth: ArrayLike<number>): Overlap {
  if (prediction.length !== truth.length) {
    throw new GmisegError(
      'ERR_SHAPE',
      `The prediction has ${prediction.length} pixels and the truth ${truth.length}; both must be on one grid.`,
    );
  }
  let predicted = 0;
  let actual = 0;
  let both = 0;
  for (let at = 0; at < truth.length; at++) {
    const inPrediction = prediction[at] !== 0;
    const inTruth = truth[at] !== 0;
    if (inPrediction) predicted += 1;
    if (inTruth) actual += 1;
    if (inPrediction && inTruth) both += 1;
  }
  const dice = (2 * both) / (predicted + actual);
  return {
    dice,
    jaccard: both / (predicted + actual - both),
    predictedPixels: predicted,
    truthPixels: actual,
    sharedPixels: both,
  };
}

/** Mean, median and spread of numbers; NaN is left out and counted. */
export interface Distribution {
  readonly n: number;
  readonly nan: number;
  readonly mean: number;
  readonly median: number;
  /** Sample standard deviation; 0 for one number. */
  readonly std: number;
  readonly min: number;
  readonly max: number;
}

/** Summary of a list of scores; all fields but the counts are NaN for an empty list. */
export function distribution(values: readonly number[]): Distribution {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  const n = sorted.length;
  const nan = values.length - n;
  if (n === 0) return { n, nan, mean: NaN, median: NaN, std: NaN, min: NaN, max: NaN };
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, n - 1);
  const at = (position: number): number => sorted[position] as number;
  const median = n % 2 === 1 ? at((n - 1) / 2) : (at(n / 2 - 1) + at(n / 2)) / 2;
  return { n, nan, mean, median, std: Math.sqrt(variance), min: at(0), max: at(n - 1) };
}
