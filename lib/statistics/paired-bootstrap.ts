import { type BootstrapOptions, bootstrapSamples, type Interval } from './bootstrap.js';
import { quantile } from './quantile.js';

export interface PairedBootstrap {
  /** The statistic of the differences. */
  readonly difference: number;
  /** Its percentile interval; null where no stratum has two pairs. */
  readonly interval: Interval | null;
  /** Two-sided: twice the share of samples on the other side of 0, with one added to both counts. */
  readonly p: number | null;
}

/**
 * Resamples differences of pairs, one for each independent unit (subject), within their strata.
 * @param statistic a mean of differences; see bootstrapInterval
 */
export function pairedBootstrap<T>(
  strata: readonly (readonly T[])[],
  statistic: (sample: readonly (readonly T[])[]) => number,
  options: BootstrapOptions = {},
): PairedBootstrap {
  const { level = 0.95 } = options;
  const difference = statistic(strata);
  if (!strata.some((pairs) => pairs.length > 1)) return { difference, interval: null, p: null };
  const samples = bootstrapSamples(strata, statistic, options).sort();
  const low = samples.filter((value) => value <= 0).length;
  const high = samples.filter((value) => value >= 0).length;
  return {
    difference,
    interval: [quantile(samples, (1 - level) / 2), quantile(samples, (1 + level) / 2)],
    p: Math.min(1, (2 * (Math.min(low, high) + 1)) / (samples.length + 1)),
  };
}
