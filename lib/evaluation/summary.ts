import { groupBy } from '../group-by.js';
import { mean } from '../statistics/mean.js';
import { type Aggregate, aggregate } from './aggregate.js';
import { compare, type TaskComparison } from './compare.js';
import { CONVENTIONS } from './conventions.js';
import type { FoldersEvaluation, ScoreRow } from './evaluate-folders.js';
import type { Scores } from './scores.js';

/** nnU-Net's names first, then ours. */
export interface SummaryMetrics extends Readonly<Record<string, number>> {
  readonly Dice: number;
  readonly IoU: number;
  readonly TP: number;
  readonly FP: number;
  readonly FN: number;
  readonly TN: number;
  readonly n_pred: number;
  readonly n_ref: number;
}

export interface CaseSummary {
  readonly case: string;
  readonly reference_file: string;
  readonly prediction_file: string;
  readonly subject: string;
  readonly task: string;
  readonly dataset: string;
  /** By label. */
  readonly metrics: Readonly<Record<string, SummaryMetrics>>;
  readonly empty: Readonly<Record<string, Scores['empty']>>;
  readonly unit: Scores['unit'];
  readonly volume_unit: Scores['volumes']['unit'];
}

/** nnU-Net's summary.json, with more metrics and what they mean, intervals and tests. */
export interface Summary {
  readonly foreground_mean: SummaryMetrics;
  readonly mean: Readonly<Record<string, SummaryMetrics>>;
  readonly metric_per_case: readonly CaseSummary[];
  readonly labels: readonly number[];
  readonly tolerance: number;
  readonly conventions: typeof CONVENTIONS;
  readonly bootstrap: { readonly resamples: number; readonly seed: number; readonly level: number };
  readonly aggregate: Aggregate;
  readonly missing: readonly string[];
  readonly against?: AgainstSummary;
  readonly provenance: Readonly<Record<string, unknown>>;
}

export interface AgainstSummary {
  readonly predictions: string;
  readonly aggregate: Aggregate;
  /** A difference above 0 means that the number of --pred is larger. */
  readonly comparison: readonly TaskComparison[];
}

export interface SummaryOptions {
  readonly predictions: readonly string[];
  readonly resamples: number;
  readonly seed: number;
  readonly provenance: Readonly<Record<string, unknown>>;
}

/** The whole result of an evaluation; a second folder of predictions is compared with the first. */
export function summarize(evaluation: FoldersEvaluation, options: SummaryOptions): Summary {
  const { labels, tolerance, missing } = evaluation;
  const { resamples, seed, provenance } = options;
  const [rows, others] = evaluation.rows as [readonly ScoreRow[], (readonly ScoreRow[])?];
  const means = labels.map((label) =>
    meanOf(rows.filter((row) => row.label === label).map(({ scores }) => metricsOf(scores))),
  );
  return {
    foreground_mean: meanOf(means),
    mean: Object.fromEntries(labels.map((label, at) => [label, means[at]!])),
    metric_per_case: groupBy(rows, (row) => row.case).map(caseSummary),
    labels,
    tolerance,
    conventions: CONVENTIONS,
    bootstrap: { resamples, seed, level: 0.95 },
    aggregate: aggregate(rows, options),
    missing,
    ...(others === undefined
      ? {}
      : {
          against: {
            predictions: options.predictions[1]!,
            aggregate: aggregate(others, options),
            comparison: compare(rows, others, options),
          },
        }),
    provenance,
  };
}

function caseSummary(rows: readonly ScoreRow[]): CaseSummary {
  const first = rows[0]!;
  return {
    case: first.case,
    reference_file: first.truth,
    prediction_file: first.prediction,
    subject: first.subject,
    task: first.task,
    dataset: first.dataset,
    metrics: Object.fromEntries(rows.map(({ label, scores }) => [label, metricsOf(scores)])),
    empty: Object.fromEntries(rows.map(({ label, scores }) => [label, scores.empty])),
    unit: first.scores.unit,
    volume_unit: first.scores.volumes.unit,
  };
}

/** Scores under the names of the file. */
export function metricsOf(scores: Scores): SummaryMetrics {
  const { truePositives, falsePositives, falseNegatives, trueNegatives } = scores.counts;
  return {
    Dice: scores.dice,
    IoU: scores.jaccard,
    TP: truePositives,
    FP: falsePositives,
    FN: falseNegatives,
    TN: trueNegatives,
    n_pred: truePositives + falsePositives,
    n_ref: truePositives + falseNegatives,
    ASSD: scores.assd,
    ASSD_pooled: scores.assdPooled,
    ASD: scores.asd,
    ASD_reverse: scores.asdReverse,
    HD: scores.hd,
    HD95: scores.hd95,
    HD95_max: scores.hd95Max,
    NSD: scores.nsd,
    volume_pred: scores.volumes.prediction,
    volume_ref: scores.volumes.truth,
  };
}

function meanOf(list: readonly SummaryMetrics[]): SummaryMetrics {
  const names = Object.keys(list[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, mean(list.map((metrics) => metrics[name]!))]),
  ) as unknown as SummaryMetrics;
}
