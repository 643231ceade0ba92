import { type BootstrapOptions, bootstrapSamples, type Interval } from './bootstrap.js';
import { mean } from './mean.js';
import { quantile } from './quantile.js';

export interface PairedBootstrap {
  /** Mean of the differences. */
  readonly difference: number;
  /** Percentile interval of that mean; null for fewer than two pairs. */
  readonly interval: Interval | null;
  /** Two-sided: twice the share of samples on the other side of 0, with one added to both counts. */
  readonly p: number | null;
}

/** Resamples differences of pairs, one for each independent unit (subject). */
export function pairedBootstrap(
  differences: readonly number[],
  options: BootstrapOptions = {},
): PairedBootstrap {
  const { level = 0.95 } = options;
  const difference = mean(differences);
  if (differences.length < 2) return { difference, interval: null, p: null };
  const samples = bootstrapSamples([differences], ([drawn]) => mean(drawn!), options).sort();
  const low = samples.filter((value) => value <= 0).length;
  const high = samples.filter((value) => value >= 0).length;
  return {
    difference,
    interval: [quantile(samples, (1 - level) / 2), quantile(samples, (1 + level) / 2)],
    p: Math.min(1, (2 * (Math.min(low, high) + 1)) / (samples.length + 1)),
  };
}
