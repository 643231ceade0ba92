import { distribution } from '../metrics.js';
import { mean as plainMean } from '../statistics/mean.js';

/** Small-sample statistics of a task's report. NaN is left out everywhere. */

export function mean(values: readonly number[]): number {
  return plainMean(values.filter((value) => !Number.isNaN(value)));
}

export function median(values: readonly number[]): number {
  return distribution(values).median;
}

/** Sample standard deviation; 0 for one value. */
export function deviation(values: readonly number[]): number {
  const known = values.filter((value) => !Number.isNaN(value));
  const centre = mean(known);
  return Math.sqrt(
    known.reduce((sum, value) => sum + (value - centre) ** 2, 0) / Math.max(1, known.length - 1),
  );
}

/** 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom; 1.96 far out. */
const T = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.2, 2.18, 2.16, 2.14, 2.13];

/** The 95 % interval of the mean, within [0, 1]; null for fewer than two values. */
export function interval(values: readonly number[]): readonly [low: number, high: number] | null {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length < 2) return null;
  const factor = T[known.length - 2] ?? 1.96 + 2.6 / (known.length - 1);
  const half = (factor * deviation(known)) / Math.sqrt(known.length);
  const centre = mean(known);
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/**
 * How many robust standard deviations each value is from the median: (value - median) / (1.4826 MAD). `least` is the
 * smallest deviation to divide by, for values that are nearly alike.
 */
export function robustScores(values: readonly number[], least: number): number[] {
  const centre = median(values);
  const spread = Math.max(least, 1.4826 * median(values.map((value) => Math.abs(value - centre))));
  return values.map((value) => (value - centre) / spread);
}
