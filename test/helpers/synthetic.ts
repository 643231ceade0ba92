/** Measures of synthetic tasks. */
import type { SyntheticTask } from '../../lib/synthesize.js';

export function dice(a: Uint8Array, b: Uint8Array): number {
  let [both, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    both += a[i]! & b[i]!;
    sum += a[i]! + b[i]!;
  }
  return sum === 0 ? 1 : (2 * both) / sum;
}

export function area(mask: Uint8Array): number {
  return mask.reduce((sum, value) => sum + value, 0) / mask.length;
}

/** Mean Dice between the masks of two subjects. */
export function overlap({ subjects }: SyntheticTask): number {
  const all: number[] = [];
  for (let i = 0; i < subjects.length; i++)
    for (let k = 0; k < i; k++) all.push(dice(subjects[i]!.mask, subjects[k]!.mask));
  return mean(all);
}

/**
 * Dice over all subjects of the best single threshold with its polarity, on the grey value or, in colour, on any
 * channel or their mean: an oracle, for it knows the masks.
 */
export function bestThreshold({ traits, subjects }: SyntheticTask): number {
  let best = 0;
  for (const channel of traits.channels === 3 ? [0, 1, 2, 3] : [0]) {
    const inside = new Float64Array(256);
    const outside = new Float64Array(256);
    for (const { image, mask } of subjects) {
      for (let i = 0; i < mask.length; i++) {
        const at = traits.channels * i;
        const value =
          channel < 3 ? image[at + channel]! : Math.round((image[at]! + image[at + 1]! + image[at + 2]!) / 3);
        (mask[i] === 1 ? inside : outside)[value]! += 1;
      }
    }
    const positives = inside.reduce((sum, value) => sum + value, 0);
    for (const step of [1, -1]) {
      let [hits, wrong] = [0, 0];
      for (let value = step === 1 ? 0 : 255; value >= 0 && value < 256; value += step) {
        hits += inside[value]!;
        wrong += outside[value]!;
        best = Math.max(best, (2 * hits) / (hits + wrong + positives));
      }
    }
  }
  return best;
}

/** A mask on a grid `factor` times coarser: the majority of each block. */
export function coarsen(mask: Uint8Array, size: number, factor: number): Uint8Array {
  const small = size / factor;
  const sums = new Uint16Array(small * small);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      sums[Math.floor(y / factor) * small + Math.floor(x / factor)]! += mask[y * size + x]!;
  return Uint8Array.from(sums, (sum) => (2 * sum >= factor * factor ? 1 : 0));
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export function share<T>(values: readonly T[], test: (value: T) => boolean): number {
  return values.filter(test).length / values.length;
}
