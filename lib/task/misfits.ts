import { type PreparedExample, pixelsOf } from './example.js';
import { median, robustScores } from './statistics.js';

/** Why an example may not belong to the others. */
export interface Misfit {
  readonly kind: 'low-dice' | 'mask-size' | 'intensity' | 'duplicate' | 'empty' | 'whole-image';
  readonly message: string;
}

/** Robust standard deviations from which a value counts as an outlier (Iglewicz and Hoaglin, 1993). */
const FAR = 3.5;
/** With fewer examples nobody can say who is the outlier. */
const LEAST = 5;
/** Differences below these are never outliers, however alike the others are. */
const LEAST_DICE = 0.03;
const LEAST_LOG_SIZE = 0.15;
const LEAST_GREY = 6;
const LEAST_LOG_CONTRAST = 0.12;

/** What is odd about each example of a label, by digest. `dice`: of the examples when left out. */
export function misfitsOf(
  examples: readonly PreparedExample[],
  value: number,
  dice: ReadonlyMap<string, number>,
): Map<string, Misfit[]> {
  const found = new Map<string, Misfit[]>(examples.map(({ digest }) => [digest, []]));
  const add = (example: PreparedExample, kind: Misfit['kind'], message: string): void => {
    found.get(example.digest)?.push({ kind, message });
  };
  for (const example of examples) {
    if (pixelsOf(example, value) === example.mask.length) {
      add(example, 'whole-image', 'its mask covers the whole picture; was it inverted or left blank?');
    }
  }
  if (examples.length < LEAST) return found;

  const scores = examples.map(({ digest }) => dice.get(digest) ?? Number.NaN);
  const middle = median(scores);
  for (const [at, score] of robustScores(scores, LEAST_DICE).entries()) {
    if (!(score < -FAR)) continue;
    add(
      examples[at]!,
      'low-dice',
      `predicted from the others it reaches Dice ${scores[at]!.toFixed(2)}, where ${middle.toFixed(2)} is usual: ` +
        'look at its mask, or whether it shows something else.',
    );
  }
  const shares = examples.map((example) => pixelsOf(example, value) / example.mask.length);
  const logs = robustScores(shares.map(Math.log), LEAST_LOG_SIZE);
  for (const [at, score] of logs.entries()) {
    if (!(Math.abs(score) > FAR)) continue;
    add(
      examples[at]!,
      'mask-size',
      `its mask covers ${percent(shares[at]!)} of the picture, where ${percent(median(shares))} is usual: is it the ` +
        `${score < 0 ? 'whole target' : 'target alone'}, at the same zoom?`,
    );
  }
  const greys = examples.map(({ picture }) => greyOf(picture.data));
  const levels = robustScores(
    greys.map((grey) => grey.mean),
    LEAST_GREY,
  );
  const contrasts = robustScores(
    greys.map((grey) => Math.log(Math.max(1, grey.deviation))),
    LEAST_LOG_CONTRAST,
  );
  for (const [at, { mean, deviation }] of greys.entries()) {
    if (!(Math.abs(levels[at]!) > FAR || Math.abs(contrasts[at]!) > FAR)) continue;
    add(
      examples[at]!,
      'intensity',
      `its grey levels (mean ${mean.toFixed(0)}, deviation ${deviation.toFixed(0)}) are far from the others' ` +
        `(${median(greys.map((grey) => grey.mean)).toFixed(0)}, ${median(greys.map((grey) => grey.deviation)).toFixed(0)}): ` +
        'another window, stain or modality?',
    );
  }
  return found;
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}

function greyOf(data: Uint8Array): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (const value of data) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / data.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / data.length - mean * mean)) };
}
