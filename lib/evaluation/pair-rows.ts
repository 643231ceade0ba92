import { compareCodePoints } from '../dataset/split.js';
import { GmisegError } from '../errors.js';
import type { ScoredCase } from './scored-case.js';

/**
 * Rows of two methods in one order, whatever order they come in: that of `key`, what a row of one method and a row of
 * the other must share to be a pair. A method may have several rows of a key, as many of each.
 * @throws GmisegError ERR_DATASET that names a case for which one of the two has no row, or another number of rows
 */
export function pairRows<R extends ScoredCase<never>>(
  first: readonly R[],
  second: readonly R[],
  key: (row: R) => string = caseKey,
): [first: R[], second: R[]] {
  const [own, other] = [first, second].map((rows) => countBy(rows, key)) as [Counts, Counts];
  for (const [counts, others] of [
    [own, other],
    [other, own],
  ] as const) {
    const [usual] = counts.values();
    for (const [name, count] of counts) {
      if (others.has(name) && count === usual) continue;
      throw new GmisegError(
        'ERR_DATASET',
        `${name} was not answered alike by the two methods that are compared, so it makes no pair; ` +
          'give both the same cases, each as often as the others.',
        { details: { case: name } },
      );
    }
  }
  const order = (a: R, b: R): number => compareCodePoints(key(a), key(b));
  return [[...first].sort(order), [...second].sort(order)];
}

type Counts = ReadonlyMap<string, number>;

function countBy<R>(rows: readonly R[], key: (row: R) => string): Counts {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(key(row), (counts.get(key(row)) ?? 0) + 1);
  return counts;
}

function caseKey({ dataset, subject, task, label, case: id }: ScoredCase<never>): string {
  return JSON.stringify([dataset, subject, task, label, id]);
}
