import { groupBy } from '../group-by.js';
import { bootstrapInterval, type Interval } from '../statistics/bootstrap.js';
import { mean } from '../statistics/mean.js';
import type { ScoreRow } from './evaluate-folders.js';
import type { ScoredCase } from './scored-case.js';
import { METRICS, type Metric } from './scores.js';
import { meanOfSubjects, subjectMeans, subjectsOf, tasksOf } from './subject-means.js';

export type Means = Readonly<Record<Metric, number>>;

/** A mean with the interval of its bootstrap over subjects; null where there are fewer than two. */
export interface Estimate {
  readonly mean: number;
  readonly interval: Interval | null;
}

/** Means at one level. */
export interface LevelSummary {
  readonly subjects: number;
  readonly images: number;
  readonly metrics: Readonly<Record<Metric, Estimate>>;
}

export interface TaskSummary extends LevelSummary {
  readonly dataset: string;
  readonly task: string;
  readonly label: number;
  /** Plain means over the images. */
  readonly perImage: Means;
  /** Images in which neither mask is empty, and the means over those, image -> subject -> task. */
  readonly nonEmpty: { readonly images: number; readonly metrics: Means | null };
  /** How many images were scored by the rules for empty masks. */
  readonly empty: { readonly both: number; readonly prediction: number; readonly truth: number };
  /** Means over the images of each subject. */
  readonly perSubject: readonly {
    readonly subject: string;
    readonly images: number;
    readonly metrics: Means;
  }[];
}

export interface DatasetSummary extends LevelSummary {
  readonly dataset: string;
  readonly tasks: number;
}

/** Image -> subject -> task -> data set -> mean over the data sets: at each level the plain mean of the one below. */
export interface Aggregate {
  readonly tasks: readonly TaskSummary[];
  readonly datasets: readonly DatasetSummary[];
  readonly all: LevelSummary & { readonly datasets: number };
}

export interface AggregateOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

export function eachMetric<T>(of: (metric: Metric) => T): Record<Metric, T> {
  return Object.fromEntries(METRICS.map((metric) => [metric, of(metric)])) as Record<Metric, T>;
}

/** The means of scores, image by image. */
function meansOf(rows: readonly ScoreRow[]): Means {
  return eachMetric((metric) => mean(rows.map(({ scores }) => scores[metric])));
}

/**
 * The mean over all levels, image -> subject -> task -> data set, with its interval: percentile bootstrap, 95 %, over
 * subjects within their data set. The order of the rows does not matter.
 */
export function estimate<M extends Metric>(
  rows: readonly ScoredCase<M>[],
  metric: M,
  options: AggregateOptions = {},
): Estimate {
  const subjects = subjectMeans(rows, metric);
  return {
    mean: meanOfSubjects(subjects),
    interval: bootstrapInterval(subjects, meanOfSubjects, options),
  };
}

/** Summarizes at all levels. */
export function aggregate(rows: readonly ScoreRow[], options: AggregateOptions = {}): Aggregate {
  const datasets = groupBy(rows, ({ dataset }) => dataset);
  return {
    tasks: tasksOf(rows).map((own) => summarizeTask(own, options)),
    datasets: datasets.map((own) => ({
      dataset: own[0]!.dataset,
      tasks: tasksOf(own).length,
      ...summarizeLevel(own, options),
    })),
    all: { datasets: datasets.length, ...summarizeLevel(rows, options) },
  };
}

function summarizeLevel(rows: readonly ScoreRow[], options: AggregateOptions): LevelSummary {
  return {
    subjects: subjectsOf(rows).length,
    images: new Set(rows.map(({ dataset, case: id }) => JSON.stringify([dataset, id]))).size,
    metrics: eachMetric((metric) => estimate(rows, metric, options)),
  };
}

function summarizeTask(rows: readonly ScoreRow[], options: AggregateOptions): TaskSummary {
  const { dataset, task, label } = rows[0]!;
  const perSubject = subjectsOf(rows).map((own) => ({
    subject: own[0]!.subject,
    images: own.length,
    metrics: meansOf(own),
  }));
  const full = rows.filter(({ scores }) => scores.empty === 'none');
  const fullSubjects = subjectsOf(full).map(meansOf);
  const count = (which: string): number => rows.filter(({ scores }) => scores.empty === which).length;
  return {
    dataset,
    task,
    label,
    ...summarizeLevel(rows, options),
    perImage: meansOf(rows),
    nonEmpty: {
      images: full.length,
      metrics:
        full.length === 0 ? null : eachMetric((metric) => mean(fullSubjects.map((means) => means[metric]))),
    },
    empty: { both: count('both'), prediction: count('prediction'), truth: count('truth') },
    perSubject,
  };
}
