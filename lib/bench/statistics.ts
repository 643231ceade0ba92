import { type Distribution, distribution } from '../metrics.js';

/** What the rounds of a contender come to. */
export interface RoundSummary extends Pick<Distribution, 'n' | 'min' | 'median' | 'max'> {
  /** max / min - 1: how far rounds of the same work lie apart. */
  readonly spread: number;
}

export function summarizeRounds(seconds: readonly number[]): RoundSummary {
  const { n, min, median, max } = distribution(seconds);
  return { n, min, median, max, spread: max / min - 1 };
}

/**
 * How many times faster a contender was than the reference in each round. Only numbers of one round are compared:
 * the machine may change between two. Null where one of them has none.
 */
export function speedUps(
  seconds: readonly (number | null)[],
  reference: readonly (number | null)[],
): (number | null)[] {
  return seconds.map((own, round) => {
    const other = reference[round] ?? null;
    return own === null || other === null ? null : other / own;
  });
}

/** The least seconds of each round; null where nobody has any. */
export function fastest(all: readonly (readonly (number | null)[])[]): (number | null)[] {
  return (all[0] ?? []).map((_, round) => {
    const there = all.map((seconds) => seconds[round] ?? null).filter((value) => value !== null);
    return there.length === 0 ? null : Math.min(...there);
  });
}

/** Share of the roof, a rate in GFLOP/s, that work of `flops` reached in each round; null where one is missing. */
export function roofShares(
  seconds: readonly (number | null)[],
  gflops: readonly (number | null)[],
  flops: number,
): (number | null)[] {
  return seconds.map((own, round) => {
    const roof = gflops[round] ?? null;
    return own === null || roof === null ? null : flops / own / (roof * 1e9);
  });
}

/** The entrants of a round: each round begins one further on, so that none is always first. */
export function rotated<T>(entrants: readonly T[], round: number): T[] {
  const first = entrants.length === 0 ? 0 : round % entrants.length;
  return [...entrants.slice(first), ...entrants.slice(0, first)];
}

/** The largest absolute difference of two outputs; NaN where their lengths differ or one holds a NaN. */
export function maxAbsDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.NaN;
  let most = 0;
  for (let at = 0; at < a.length; at++) {
    const difference = Math.abs(a[at]! - b[at]!);
    if (!(difference <= most)) most = difference;
    if (Number.isNaN(most)) break;
  }
  return most;
}
