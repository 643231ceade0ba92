import { evaluate } from '../evaluate.js';
import type { EmptyMasks, Scores } from '../evaluation/scores.js';

/** What every query is scored by. */
export type ScoreName = 'dice' | 'jaccard' | 'assd';

export interface Metric {
  readonly key: ScoreName;
  readonly name: string;
  readonly digits: number;
  readonly better: 'more' | 'less';
  /** In millimetres or pixels, which must not be averaged with one another. */
  readonly distance: boolean;
}

/** The first of them is what charts show. */
export const METRICS: readonly Metric[] = [
  { key: 'dice', name: 'Dice', digits: 3, better: 'more', distance: false },
  { key: 'jaccard', name: 'Jaccard', digits: 3, better: 'more', distance: false },
  { key: 'assd', name: 'ASSD', digits: 2, better: 'less', distance: true },
];

export interface MaskPixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Scores as a result keeps them; docs/evaluation.md says what empty masks score. */
export interface MaskScores {
  readonly scores: Readonly<Record<ScoreName, number>>;
  /** Of distances. */
  readonly unit: Scores['unit'];
  readonly empty: EmptyMasks;
}

export interface ScoreSettings {
  /** Millimetres from row to row and column to column; distances are in pixels where nobody knows. */
  readonly spacing?: readonly [row: number, column: number];
  readonly signal: AbortSignal;
}

/** Scores one prediction against the truth. */
export async function scoreMask(
  prediction: MaskPixels,
  truth: MaskPixels,
  settings: ScoreSettings,
): Promise<MaskScores> {
  const { dice, jaccard, assd, unit, empty } = await evaluate(prediction, truth, settings);
  return { scores: { dice, jaccard, assd }, unit, empty };
}
