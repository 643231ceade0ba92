import { mean } from '../statistics/mean.js';
import { type PairedBootstrap, pairedBootstrap } from '../statistics/paired-bootstrap.js';
import { type WilcoxonTest, wilcoxon } from '../statistics/wilcoxon.js';
import { type AggregateOptions, eachMetric, meansOf, subjectsOf, tasksOf } from './aggregate.js';
import type { ScoreRow } from './evaluate-folders.js';
import type { Metric } from './scores.js';

/** Two methods on the same cases, by one metric; a difference above 0 means that the first one's number is larger. */
export interface PairedTest extends PairedBootstrap {
  readonly subjects: number;
  readonly first: number;
  readonly second: number;
  readonly wilcoxon: WilcoxonTest;
}

export interface TaskComparison {
  readonly dataset: string;
  readonly task: string;
  /** Null for all tasks together: the mean over a subject's tasks is one number. */
  readonly label: number | null;
  readonly metrics: Readonly<Record<Metric, PairedTest>>;
}

/** Tests each task, and all together where there are several. Pairs are subjects: means over their images. */
export function compare(
  first: readonly ScoreRow[],
  second: readonly ScoreRow[],
  options: AggregateOptions = {},
): TaskComparison[] {
  const others = tasksOf(second);
  const tasks = tasksOf(first).map((rows, at): TaskComparison => {
    const { dataset, task, label } = rows[0]!;
    const other = subjectsOf(others[at]!).map(meansOf);
    const own = subjectsOf(rows).map(meansOf);
    return {
      dataset,
      task,
      label,
      metrics: eachMetric((metric) =>
        test(
          own.map((means) => means[metric]),
          other.map((means) => means[metric]),
          options,
        ),
      ),
    };
  });
  if (tasks.length < 2) return tasks;
  const metrics = eachMetric((metric) =>
    test(acrossTasks(first, metric), acrossTasks(second, metric), options),
  );
  return [...tasks, { dataset: 'all', task: '', label: null, metrics }];
}

function acrossTasks(rows: readonly ScoreRow[], metric: Metric): number[] {
  return subjectsOf(rows).map((own) => mean(tasksOf(own).map((list) => meansOf(list)[metric])));
}

function test(first: readonly number[], second: readonly number[], options: AggregateOptions): PairedTest {
  const differences = first.map((value, at) => value - second[at]!);
  return {
    subjects: differences.length,
    first: mean(first),
    second: mean(second),
    ...pairedBootstrap(differences, options),
    wilcoxon: wilcoxon(differences),
  };
}
