import { GmisegError } from '../errors.js';

/** What to make of the numbers in a mask file. */
export interface LabelRules {
  /** File value -> label value; null = they are the same. */
  readonly maskValues: ReadonlyMap<number, number> | null;
  /** Take the nearest known value instead of refusing an unknown one. */
  readonly snap: boolean;
}

/** How far from a whole number a stored label may be; 0.99999997 occurs in real files. */
const ROUNDING = 0.01;

/**
 * The label values of a mask file's numbers, as bytes. Throws ERR_DATASET that
 * names the file for fractions, for negative values, for values above 255 and,
 * where the file's values are listed, for unlisted ones.
 */
export function toLabelBytes(data: ArrayLike<number>, file: string, rules: LabelRules): Uint8Array {
  const out = new Uint8Array(data.length);
  const known = new Map<number, number>();
  for (let at = 0; at < data.length; at++) {
    const raw = data[at] as number;
    let value = known.get(raw);
    if (value === undefined) {
      value = labelOf(raw, file, rules);
      known.set(raw, value);
    }
    out[at] = value;
  }
  return out;
}

function labelOf(raw: number, file: string, { maskValues, snap }: LabelRules): number {
  const whole = Math.round(raw);
  if (!(Math.abs(raw - whole) <= ROUNDING)) {
    throw new GmisegError(
      'ERR_DATASET',
      `${file} holds ${raw}; a mask holds whole numbers. Is it an image or a probability map?`,
    );
  }
  if (maskValues !== null) {
    if (whole === 0) return 0;
    const exact = maskValues.get(whole);
    if (exact !== undefined) return exact;
    if (!snap) throw new GmisegError('ERR_DATASET', `${file} holds the unknown grey value ${whole}.`);
    let nearest = 0;
    for (const grey of maskValues.keys()) {
      if (Math.abs(grey - whole) < Math.abs(nearest - whole)) nearest = grey;
    }
    return maskValues.get(nearest) ?? 0;
  }
  if (whole < 0 || whole > 255) {
    throw new GmisegError(
      'ERR_DATASET',
      `${file} holds the label ${whole}; a slice store takes labels from 0 to 255. Renumber them first.`,
    );
  }
  return whole;
}
