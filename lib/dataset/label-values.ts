import { GmisegError } from '../errors.js';

/** What to make of the numbers in a mask file. */
export interface LabelRules {
  /** File value -> label value; null = they are the same. */
  readonly maskValues: ReadonlyMap<number, number> | null;
  /** Take the nearest known value instead of refusing an unknown one. */
  readonly snapMasks: boolean;
}

/**
 * The label values of a mask file's whole numbers, as bytes. Throws ERR_DATASET
 * that names the file for values above 255 and, where the file's values are
 * listed, for unlisted ones.
 */
export function toLabelBytes(data: ArrayLike<number>, file: string, rules: LabelRules): Uint8Array {
  if (rules.maskValues === null && data instanceof Uint8Array) return data;
  const out = new Uint8Array(data.length);
  const known = new Map<number, number>();
  for (let at = 0; at < data.length; at++) {
    const stored = data[at] as number;
    let value = known.get(stored);
    if (value === undefined) {
      value = labelOf(stored, file, rules);
      known.set(stored, value);
    }
    out[at] = value;
  }
  return out;
}

function labelOf(stored: number, file: string, { maskValues, snapMasks }: LabelRules): number {
  if (maskValues === null) {
    if (stored <= 255) return stored;
    throw new GmisegError(
      'ERR_DATASET',
      `${file} holds the label ${stored}; a slice store takes labels up to 255. Renumber them first.`,
      { details: { path: file, label: stored } },
    );
  }
  if (stored === 0) return 0;
  const exact = maskValues.get(stored);
  if (exact !== undefined) return exact;
  if (!snapMasks) {
    throw new GmisegError(
      'ERR_DATASET',
      `${file} holds the grey value ${stored}, which no other mask holds.`,
    );
  }
  let nearest = 0;
  for (const grey of maskValues.keys()) {
    if (Math.abs(grey - stored) < Math.abs(nearest - stored)) nearest = grey;
  }
  return maskValues.get(nearest) ?? 0;
}
