/**
 * Holm's step-down correction for several tests at once: adjusted p values, which keep the chance of any false finding
 * among all of them at the level that each is compared with.
 * @param ps p values, 0 .. 1; null for a test that could not be made, which counts for nothing
 */
export function holm(ps: readonly (number | null)[]): (number | null)[] {
  const made = ps.flatMap((p, at) => (p === null ? [] : [{ p, at }])).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number | null>(ps.length).fill(null);
  let least = 0;
  for (const [rank, { p, at }] of made.entries()) {
    least = Math.max(least, Math.min(1, (made.length - rank) * p));
    adjusted[at] = least;
  }
  return adjusted;
}
