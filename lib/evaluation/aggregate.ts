import { groupBy } from '../group-by.js';
import { bootstrapInterval, type Interval } from '../statistics/bootstrap.js';
import { mean } from '../statistics/mean.js';
import type { ScoreRow } from './evaluate-folders.js';
import { METRICS, type Metric } from './scores.js';

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

/** The rows of each task: a task is a label, of a named task where a table names some, of a data set. */
export function tasksOf(rows: readonly ScoreRow[]): ScoreRow[][] {
  return groupBy(rows, ({ dataset, task, label }) => JSON.stringify([dataset, task, label]));
}

export function subjectsOf(rows: readonly ScoreRow[]): ScoreRow[][] {
  return groupBy(rows, ({ dataset, subject }) => JSON.stringify([dataset, subject]));
}

export function eachMetric<T>(of: (metric: Metric) => T): Record<Metric, T> {
  return Object.fromEntries(METRICS.map((metric) => [metric, of(metric)])) as Record<Metric, T>;
}

/** The means of scores, image by image. */
export function meansOf(rows: readonly ScoreRow[]): Means {
  return eachMetric((metric) => mean(rows.map(({ scores }) => scores[metric])));
}

/** Summarizes at all levels. Intervals are percentile bootstraps, 95 %, over subjects within their data set. */
export function aggregate(rows: readonly ScoreRow[], options: AggregateOptions = {}): Aggregate {
  const datasets = groupBy(rows, ({ dataset }) => dataset);
  const subjects = datasets.map((own) => subjectsOf(own).map(subjectMeans));
  const level = (own: readonly (readonly SubjectMeans[])[], images: readonly ScoreRow[]): LevelSummary => ({
    subjects: own.reduce((sum, list) => sum + list.length, 0),
    images: new Set(images.map(({ dataset, case: id }) => JSON.stringify([dataset, id]))).size,
    metrics: eachMetric((metric) => {
      const statistic = (sample: readonly (readonly SubjectMeans[])[]): number =>
        mean(sample.map((list) => datasetMean(list, metric)));
      return { mean: statistic(own), interval: bootstrapInterval(own, statistic, options) };
    }),
  });
  return {
    tasks: tasksOf(rows).map((own) => summarizeTask(own, options)),
    datasets: datasets.map((own, at) => ({
      dataset: own[0]!.dataset,
      tasks: tasksOf(own).length,
      ...level([subjects[at]!], own),
    })),
    all: { datasets: datasets.length, ...level(subjects, rows) },
  };
}

/** A subject's means in each of its tasks. */
type SubjectMeans = ReadonlyMap<string, Means>;

function subjectMeans(rows: readonly ScoreRow[]): SubjectMeans {
  return new Map(tasksOf(rows).map((own) => [JSON.stringify([own[0]!.task, own[0]!.label]), meansOf(own)]));
}

/** Mean over the tasks of the mean over the subjects that have them. */
function datasetMean(subjects: readonly SubjectMeans[], metric: Metric): number {
  const tasks = new Map<string, [sum: number, count: number]>();
  for (const subject of subjects) {
    for (const [task, means] of subject) {
      const [sum, count] = tasks.get(task) ?? [0, 0];
      tasks.set(task, [sum + means[metric], count + 1]);
    }
  }
  return mean([...tasks.values()].map(([sum, count]) => sum / count));
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
    subjects: perSubject.length,
    images: rows.length,
    metrics: eachMetric((metric) => {
      const values = perSubject.map(({ metrics }) => metrics[metric]);
      return {
        mean: mean(values),
        interval: bootstrapInterval([values], ([drawn]) => mean(drawn!), options),
      };
    }),
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
