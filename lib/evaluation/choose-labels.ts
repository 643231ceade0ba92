import { GmisegError } from '../errors.js';
import type { LabelData } from './scores.js';

/** What to score, and how the files of each side say it. */
export interface LabelChoice {
  readonly labels: readonly number[];
  /** For each set of predictions, and for the truth: the one value of binary files that stands for the one label. */
  readonly predictions: readonly Renaming[];
  readonly truth: Renaming;
}

export type Renaming = { readonly from: number; readonly to: number } | null;

/** The values of a label map that are not 0. */
export function valuesIn(data: LabelData, into: Set<number>): void {
  let last = 0;
  for (const value of data) {
    if (value === last) continue;
    last = value;
    if (value !== 0) into.add(value);
  }
}

/**
 * Which labels to score: those asked for, else all that occur. Files that hold a single value are binary masks: where
 * one label is meant, their value stands for it, be it 1 or 255.
 * @throws GmisegError ERR_DATASET where it is not clear which label binary predictions mean
 */
export function chooseLabels(
  predictions: readonly ReadonlySet<number>[],
  truth: ReadonlySet<number>,
  asked: readonly number[] | undefined,
): LabelChoice {
  const sides = [truth, ...predictions];
  const labels = asked ?? labelsOf(predictions, truth);
  const renamings = sides.map((values): Renaming => {
    const [only, ...more] = values;
    if (labels.length !== 1 || only === undefined || more.length > 0 || only === labels[0]) return null;
    return { from: only, to: labels[0]! };
  });
  return { labels, truth: renamings[0]!, predictions: renamings.slice(1) };
}

function labelsOf(predictions: readonly ReadonlySet<number>[], truth: ReadonlySet<number>): number[] {
  const sides = [truth, ...predictions];
  const all = [...new Set(sides.flatMap((values) => [...values]))].sort((a, b) => a - b);
  // 1 and 255 are how binary masks are written; any other value says which label it is.
  const [own] = truth;
  if (all.length <= 1) return all.length === 0 ? [1] : all;
  const binary = sides.every((values) => values.size <= 1);
  if (binary && all.every((value) => value === 1 || value === 255)) return [1];
  if (binary && own !== undefined && predictions.every((values) => values.has(255) || values.size === 0))
    return [own];
  for (const values of predictions) {
    const [only] = values;
    if (truth.size > 1 && values.size === 1 && !truth.has(only!))
      throw new GmisegError(
        'ERR_DATASET',
        `The predictions are binary (${only}) but the truth holds the labels ${[...truth].sort((a, b) => a - b).join(', ')}; name the one that was predicted with --label.`,
        { details: { prediction: only, truth: [...truth] } },
      );
  }
  return all;
}

/** The label map in the words of the choice. */
export function renamed(data: LabelData, renaming: Renaming): LabelData {
  if (renaming === null) return data;
  const { from, to } = renaming;
  const out = to > 255 ? new Int32Array(data.length) : new Uint8Array(data.length);
  for (let at = 0; at < data.length; at++) if (data[at] === from) out[at] = to;
  return out;
}
