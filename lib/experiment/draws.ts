import type { SliceEntry } from '../dataset/slice-index.js';
import { Random } from '../statistics/random.js';

/**
 * `count` of the pool: of subjects that have not been drawn yet, while there are any. The same seed and number give
 * the same draw whatever the method, and a smaller one is the beginning of a larger one.
 */
export function drawSupports<T extends Pick<SliceEntry, 'subject'>>(
  pool: readonly T[],
  count: number,
  { seed, draw }: { readonly seed: number; readonly draw: number },
): T[] {
  const shuffled = new Random(1000 * (seed + 1) + draw).shuffle(pool);
  const seen = new Set<string>();
  const first: T[] = [];
  const rest: T[] = [];
  for (const entry of shuffled) {
    (seen.has(entry.subject) ? rest : first).push(entry);
    seen.add(entry.subject);
  }
  return [...first, ...rest].slice(0, count);
}

/** The lower and the upper half of a volume's slices. */
export function halves<T extends Pick<SliceEntry, 'index'>>(all: readonly T[]): [lower: T[], upper: T[]] {
  const sorted = [...all].sort((a, b) => a.index - b.index);
  const middle = Math.floor(sorted.length / 2);
  return [sorted.slice(0, middle), sorted.slice(middle)];
}

/** Pixels of a slice that have one of the labels; label 0 is what has none. */
export function pixelsWith(
  { labels, width, height }: Pick<SliceEntry, 'labels' | 'width' | 'height'>,
  values: readonly number[],
): number {
  const labelled = Object.values(labels).reduce((sum, pixels) => sum + pixels, 0);
  const of = (value: number): number => (value === 0 ? width * height - labelled : (labels[value] ?? 0));
  return values.reduce((sum, value) => sum + of(value), 0);
}
