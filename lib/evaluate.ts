import { Cancellation } from './cancellation.js';
import { callSite } from './errors.js';
import { isFile, loadLabels } from './evaluation/load-masks.js';
import { type Scores, scoreObjects } from './evaluation/scores.js';
import { observed } from './observed.js';
import type { MaskInput } from './task/example.js';
import { invalid, requireBoolean, requireInteger, requireKeys, requireSignal } from './validate.js';

export interface EvaluateOptions {
  /**
   * Millimetres: from row to row and column to column of a picture, along i, j and k of a volume. Default: what the
   * truth (else the prediction) says of itself; where nobody knows, distances are in pixels.
   */
  readonly spacing?: readonly number[];
  /** Label values to score, whole numbers from 1. Default: every value that is not 0 is one object. */
  readonly labels?: readonly number[];
  /** Distance up to which surfaces agree for the NSD, in mm or pixels as the distances, above 0. Default 1. */
  readonly tolerance?: number;
  /** Compare voxel by voxel, whatever the affines of two volumes say. Default false. */
  readonly ignoreGeometry?: boolean;
  readonly signal?: AbortSignal;
}

/** Scores of one label. */
export interface LabelScores extends Scores {
  readonly label: number;
}

/** Scores of all labels asked for taken together as one object, and of each by itself. */
export interface Evaluation extends Scores {
  /** In the order of `options.labels`; empty where none were named. */
  readonly labels: readonly LabelScores[];
}

const OPTIONS = ['spacing', 'labels', 'tolerance', 'ignoreGeometry', 'signal'];

/**
 * Scores a predicted mask against the true one: overlap, distances between surfaces, volumes. Each may be a path (any
 * mask format) or a picture or volume in memory, which is copied before the call returns; a label map or binary. The
 * work is done on the lane, so the event loop stays free. docs/evaluation.md has formulas, conventions and what empty
 * masks score; Scores has units and ranges.
 *
 * @throws GmisegError ERR_INVALID_ARG; ERR_SHAPE where the sizes differ; ERR_DATASET where two volumes lie in
 *   different places; what reading files throws. An abort rejects with the signal's reason.
 */
export async function evaluate(
  prediction: MaskInput,
  truth: MaskInput,
  options: EvaluateOptions = {},
): Promise<Evaluation> {
  const site = callSite(evaluate);
  requireKeys('options', options, OPTIONS);
  const { spacing, labels = [], tolerance = 1, ignoreGeometry = false, signal } = options;
  if (spacing !== undefined) requireSpacing(spacing);
  if (!Array.isArray(labels)) throw invalid('options.labels', 'a list of label values', labels);
  labels.forEach((label, at) => {
    requireInteger(`options.labels[${at}]`, label, 1, 2 ** 31 - 1);
  });
  requirePositive('options.tolerance', tolerance);
  requireBoolean('options.ignoreGeometry', ignoreGeometry);
  requireSignal('options.signal', signal);
  const cancellation = new Cancellation(signal);
  try {
    cancellation.throwIfCancelled();
    const files = isFile(prediction) || isFile(truth);
    let predicted = observed(loadLabels(prediction, 'prediction', files, signal));
    let actual = observed(loadLabels(truth, 'truth', files, signal));
    if (predicted instanceof Promise || actual instanceof Promise)
      [predicted, actual] = await Promise.all([predicted, actual]);
    const single = labels.length > 1 ? labels.map((label) => [label]) : [];
    const objects = [labels, ...single];
    const [all, ...each] = await scoreObjects(
      predicted,
      actual,
      objects,
      { tolerance, ignoreGeometry, ...(spacing === undefined ? {} : { spacing }) },
      cancellation,
      site,
    );
    const own = labels.length === 1 ? [all!] : each;
    return { ...all!, labels: own.map((scores, at) => ({ label: labels[at]!, ...scores })) };
  } finally {
    cancellation.dispose();
  }
}

function requirePositive(name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    throw invalid(name, 'a number above 0', value);
}

function requireSpacing(spacing: unknown): void {
  if (!Array.isArray(spacing) || (spacing.length !== 2 && spacing.length !== 3))
    throw invalid('options.spacing', '[row, column] of a picture or [i, j, k] of a volume', spacing);
  spacing.forEach((size, at) => {
    requirePositive(`options.spacing[${at}]`, size);
  });
}
