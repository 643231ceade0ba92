import { overlap } from '../metrics.js';

/** Scores of a predicted mask by name. */
export type Scores = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  readonly name: string;
  readonly digits: number;
  readonly better: 'more' | 'less';
}

/** What every query is scored by, the first of them first in tables and charts. */
export const METRICS: readonly Metric[] = [
  { key: 'dice', name: 'Dice', digits: 3, better: 'more' },
  { key: 'jaccard', name: 'Jaccard', digits: 3, better: 'more' },
];

export interface MaskPixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Scores one prediction against the truth. */
export async function scoreMask(prediction: MaskPixels, truth: MaskPixels): Promise<Scores> {
  const { dice, jaccard } = overlap(prediction.data, truth.data);
  return { dice, jaccard };
}
