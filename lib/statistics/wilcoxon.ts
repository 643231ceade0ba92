import { normalTail } from './normal.js';

export interface WilcoxonTest {
  /** Pairs that differ; the others are left out, as Wilcoxon did. */
  readonly n: number;
  readonly zeros: number;
  /** Sum of the ranks of the positive differences, and of the negative ones. */
  readonly plus: number;
  readonly minus: number;
  /** Two-sided; 1 where no pair differs. */
  readonly p: number;
  readonly method: 'exact' | 'normal';
}

/** Pairs up to which the distribution is counted out: without ties and zeros, and with. */
const EXACT = { plain: 50, tied: 13 };

/**
 * Wilcoxon's signed-rank test of paired differences, two-sided. Up to 50 pairs, or 13 where some tie or are 0, p is
 * exact (ties share their mean rank, and all choices of signs are counted); beyond that it is the normal approximation
 * with the correction for ties and without one for continuity. These are the rules and values of SciPy's `wilcoxon`.
 * `method` forces one of the two.
 */
export function wilcoxon(differences: readonly number[], method?: 'exact' | 'normal'): WilcoxonTest {
  const nonZero = differences.filter((value) => value !== 0);
  const n = nonZero.length;
  const zeros = differences.length - n;
  const { ranks, ties } = rank(nonZero.map(Math.abs));
  const plus = nonZero.reduce((sum, value, at) => (value > 0 ? sum + ranks[at]! : sum), 0);
  const minus = (n * (n + 1)) / 2 - plus;
  const most = ties > 0 || zeros > 0 ? EXACT.tied : EXACT.plain;
  const chosen = method ?? (differences.length <= most ? 'exact' : 'normal');
  const least = Math.min(plus, minus);
  const p = n === 0 ? 1 : chosen === 'exact' ? exact(ranks, least) : approximate(n, ties, least);
  return { n, zeros, plus, minus, p, method: chosen };
}

/** Ranks from 1, ties share their mean; `ties` is the sum of t^3 - t over groups of t. */
function rank(values: readonly number[]): { ranks: number[]; ties: number } {
  const order = values.map((_, at) => at).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  let ties = 0;
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let at = first; at < end; at++) ranks[order[at]!] = (first + 1 + end) / 2;
    ties += (end - first) ** 3 - (end - first);
    first = end;
  }
  return { ranks, ties };
}

/** Twice the share of all choices of signs whose rank sum is at most `least`. Twice the ranks are whole numbers. */
function exact(ranks: readonly number[], least: number): number {
  const doubled = ranks.map((value) => Math.round(2 * value));
  const total = doubled.reduce((sum, value) => sum + value, 0);
  const share = new Float64Array(total + 1);
  share[0] = 1;
  for (const step of doubled) {
    for (let at = total; at >= 0; at--) share[at] = 0.5 * (share[at]! + (at >= step ? share[at - step]! : 0));
  }
  const tail = share.subarray(0, Math.round(2 * least) + 1).reduce((sum, value) => sum + value, 0);
  return Math.min(1, 2 * tail);
}

function approximate(n: number, ties: number, least: number): number {
  const deviation = Math.sqrt((n * (n + 1) * (2 * n + 1) - ties / 2) / 24);
  return Math.min(1, 2 * normalTail(((n * (n + 1)) / 4 - least) / deviation));
}
