import { quantile } from './quantile.js';
import { Random } from './random.js';

export interface BootstrapOptions {
  /** How many samples to draw. Default 1000. */
  readonly resamples?: number;
  /** The same seed draws the same samples. Default 0. */
  readonly seed?: number;
  /** Share of the samples within the interval. Default 0.95. */
  readonly level?: number;
}

export type Interval = readonly [low: number, high: number];

/**
 * The percentile interval of a statistic, from samples of the units drawn with replacement. Units are what is
 * independent: subjects rather than their images. Each stratum is drawn from by itself and keeps its size. Samples
 * for which the statistic is NaN are left out; null where no stratum has two units.
 */
export function bootstrapInterval<T>(
  strata: readonly (readonly T[])[],
  statistic: (sample: readonly (readonly T[])[]) => number,
  options: BootstrapOptions = {},
): Interval | null {
  const { level = 0.95 } = options;
  if (!strata.some((units) => units.length > 1)) return null;
  const found = bootstrapSamples(strata, statistic, options).sort();
  if (found.length === 0) return null;
  return [quantile(found, (1 - level) / 2), quantile(found, (1 + level) / 2)];
}

/** The statistic of each sample; see bootstrapInterval. */
export function bootstrapSamples<T>(
  strata: readonly (readonly T[])[],
  statistic: (sample: readonly (readonly T[])[]) => number,
  { resamples = 1000, seed = 0 }: BootstrapOptions = {},
): Float64Array {
  const random = new Random(seed);
  const found = new Float64Array(resamples);
  for (let at = 0; at < resamples; at++) {
    found[at] = statistic(strata.map((units) => units.map(() => units[random.below(units.length)] as T)));
  }
  return found.filter((value) => !Number.isNaN(value));
}
