import { isDeepStrictEqual } from 'node:util';
import type { Test } from 'tap';

/** As t.same, for thousands of values: tap would write all of them down, equal or not, which takes seconds. */
export function alike(t: Test, got: unknown, want: unknown, name = 'the same values'): void {
  t.ok(isDeepStrictEqual(got, want), name);
}

/** As t.notSame. */
export function unlike(t: Test, got: unknown, other: unknown, name = 'other values'): void {
  t.notOk(isDeepStrictEqual(got, other), name);
}
