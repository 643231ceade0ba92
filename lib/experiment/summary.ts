import { estimate } from '../evaluation/aggregate.js';
import { meanOfSubjects, subjectMeans, subjectsOf } from '../evaluation/subject-means.js';
import { distribution } from '../metrics.js';
import type { Interval } from '../statistics/bootstrap.js';
import type { Answers, QueryRow } from './answers.js';
import { METRICS, type Metric } from './score-mask.js';

/** A mean over all levels, with what it is the mean of. */
export interface Summary {
  /** Image -> subject -> task -> data set; NaN where nothing is there, or distances have no common unit. */
  readonly mean: number;
  /** Standard deviation between draws and seeds; 0 for one of them. */
  readonly std: number;
  /** 95 %, percentile bootstrap over subjects within their data set; null for fewer than two. */
  readonly interval: Interval | null;
  /** One mean for each seed and draw. */
  readonly values: readonly number[];
  /** Different pairs of a query and a task. */
  readonly queries: number;
  readonly subjects: number;
  /** Different support sets of a task. */
  readonly draws: number;
  /** Trainings; 1 where nothing was trained here. */
  readonly seeds: number;
  /** Of distances; null where some are in millimetres and some in pixels. */
  readonly unit: 'mm' | 'px' | null;
}

/** Summarises answers by one metric. */
export function summarise({ runs, draws }: Answers, { key, distance }: Metric = METRICS[0]!): Summary {
  const rows = runs.flatMap((run) => run.rows);
  const units = [...new Set(rows.map(({ unit }) => unit))];
  const unit = units.length === 1 ? units[0]! : null;
  const counts = {
    queries: new Set(rows.map(queryKey)).size,
    subjects: subjectsOf(rows).length,
    draws: rows.length === 0 ? 0 : draws,
    seeds: new Set(runs.map(({ instance }) => instance)).size,
    unit,
  };
  if (rows.length === 0 || (distance && unit === null))
    return { mean: Number.NaN, std: 0, interval: null, values: [], ...counts };
  const values = runs.map((run) => meanOfSubjects(subjectMeans(run.rows, key)));
  return { ...estimate(rows, key), std: distribution(values).std, values, ...counts };
}

function queryKey({ dataset, task, case: id }: QueryRow): string {
  return JSON.stringify([dataset, task, id]);
}
