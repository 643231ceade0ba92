import { GmisegError } from '../errors.js';
import type { LabelData } from './scores.js';

/** What to score, and how the files of each side say it. */
export interface LabelChoice {
  readonly labels: readonly number[];
  /** For each set of predictions, and for the truth: the one value of binary files that stands for the one label. */
  readonly predictions: readonly Renaming[];
  readonly truth: Renaming;
  /** Labels asked for that predictions alone hold. */
  readonly untrue: readonly number[];
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

/** How binary masks are written; any other value says which label it is. */
const BINARY = [1, 255];

/**
 * Which labels to score: those asked for, else all that occur. Where one label is meant, the value of files that hold
 * a single one may stand for it: 1 or 255, and of predictions another one that is no label of the truth.
 * @throws GmisegError ERR_DATASET where no file holds a label asked for, or it is not clear which one binary
 *   predictions mean
 */
export function chooseLabels(
  predictions: readonly ReadonlySet<number>[],
  truth: ReadonlySet<number>,
  asked: readonly number[] | undefined,
): LabelChoice {
  if (asked !== undefined) requireHeld(asked, [truth, ...predictions]);
  const labels = asked ?? labelsOf(predictions, truth);
  const renaming = (values: ReadonlySet<number>): Renaming => {
    const [only, ...more] = values;
    if (labels.length !== 1 || only === undefined || more.length > 0 || only === labels[0]) return null;
    return BINARY.includes(only) || !truth.has(only) ? { from: only, to: labels[0]! } : null;
  };
  const own = renaming(truth);
  const untrue = (asked ?? []).filter((label) => truth.size > 0 && !truth.has(label) && own === null);
  return { labels, truth: own, predictions: predictions.map(renaming), untrue };
}

/** Else both sides would be empty of it, and score as if all were well. 255 alone stands for any one label. */
function requireHeld(asked: readonly number[], sides: readonly ReadonlySet<number>[]): void {
  const held = new Set(sides.flatMap((values) => [...values]));
  const binary = asked.length === 1 && sides.some((values) => values.size === 1 && values.has(255));
  const missing = asked.filter((label) => !held.has(label));
  if (missing.length === 0 || held.size === 0 || binary) return;
  throw new GmisegError(
    'ERR_DATASET',
    `No file holds label ${missing.join(', ')}; they hold ${[...held].sort((a, b) => a - b).join(', ')}. Name labels among these with --label.`,
    { details: { missing, held: [...held] } },
  );
}

function labelsOf(predictions: readonly ReadonlySet<number>[], truth: ReadonlySet<number>): number[] {
  const sides = [truth, ...predictions];
  const all = [...new Set(sides.flatMap((values) => [...values]))].sort((a, b) => a - b);
  const [own] = truth;
  if (all.length <= 1) return all.length === 0 ? [1] : all;
  const binary = sides.every((values) => values.size <= 1);
  if (binary && all.every((value) => BINARY.includes(value))) return [1];
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
