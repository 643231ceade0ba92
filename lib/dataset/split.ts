import { GmisegError } from '../errors.js';
import { Random } from '../statistics/random.js';

/** Which side of a dataset a subject is on. */
export type SplitName = 'train' | 'val' | 'test';

export const SPLIT_RULES = ['every-third-test', 'random', 'none'] as const;

/**
 * - `every-third-test`: subjects sorted by name (code points, as `sorted()` does in
 *   Python); those at index 2, 5, 8, ... are for testing, the rest for training.
 * - `random`: a seeded shuffle; `testShare` of the subjects are for testing.
 * - `none`: nobody is for testing.
 *
 * In all three some of the training subjects are then set aside as `val`.
 */
export type SplitRule = (typeof SPLIT_RULES)[number];

export interface SplitOptions {
  rule?: SplitRule;
  /** Every n-th training subject (index n-1, 2n-1, ...) is `val`; 0 = none. Default 5. */
  valEvery?: number;
  /** Share of the subjects for testing with `random`, 0 .. 1. Default 1/3. */
  testShare?: number;
  /** For `random`. Default 0. */
  seed?: number;
}

/** The side of every subject. Names that occur twice count once; the order given does not matter. */
export function splitSubjects(
  subjects: Iterable<string>,
  options: SplitOptions = {},
): Map<string, SplitName> {
  const { rule = 'every-third-test', valEvery = 5, testShare = 1 / 3, seed = 0 } = options;
  if (!SPLIT_RULES.includes(rule)) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `Unknown split rule "${rule}"; use one of ${SPLIT_RULES.join(', ')}.`,
    );
  }
  if (!Number.isInteger(valEvery) || valEvery < 0 || valEvery === 1) {
    throw new GmisegError(
      'ERR_INVALID_ARG',
      `valEvery is ${valEvery}; give 0 (no validation subjects) or a whole number from 2.`,
    );
  }
  if (!(testShare >= 0 && testShare <= 1)) {
    throw new GmisegError('ERR_INVALID_ARG', `testShare is ${testShare}; give a share between 0 and 1.`);
  }
  let ordered = [...new Set(subjects)].sort(compareCodePoints);
  if (rule === 'random') ordered = new Random(seed).shuffle(ordered);
  const testCount = Math.round(ordered.length * testShare);
  const sides = new Map<string, SplitName>();
  let training = 0;
  ordered.forEach((subject, index) => {
    const test =
      rule === 'every-third-test' ? index % 3 === 2 : rule === 'random' ? index < testCount : false;
    if (test) {
      sides.set(subject, 'test');
      return;
    }
    training += 1;
    sides.set(subject, valEvery > 0 && training % valEvery === 0 ? 'val' : 'train');
  });
  return sides;
}

/** Code-point order: independent of the machine's language, unlike localeCompare. */
export function compareCodePoints(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
