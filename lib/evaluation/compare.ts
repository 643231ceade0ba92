import { type AggregateOptions, eachMetric } from './aggregate.js';
import type { ScoreRow } from './evaluate-folders.js';
import { pairRows } from './pair-rows.js';
import { type PairedTest, pairedTest } from './paired-test.js';
import type { Metric } from './scores.js';
import { tasksOf } from './subject-means.js';

export interface TaskComparison {
  readonly dataset: string;
  readonly task: string;
  /** Null for all tasks together. */
  readonly label: number | null;
  readonly metrics: Readonly<Record<Metric, PairedTest>>;
}

/**
 * Tests each task, and all together where there are several. Pairs are subjects: means over their images.
 * @throws GmisegError ERR_DATASET where one of the two lacks a case of the other
 */
export function compare(
  first: readonly ScoreRow[],
  second: readonly ScoreRow[],
  options: AggregateOptions = {},
): TaskComparison[] {
  pairRows(first, second);
  const others = new Map(tasksOf(second).map((rows) => [taskKey(rows[0]!), rows]));
  const test = (own: readonly ScoreRow[], other: readonly ScoreRow[]): TaskComparison['metrics'] => {
    const pair = pairRows(own, other);
    return eachMetric((metric) => pairedTest(...pair, metric, options));
  };
  const tasks = tasksOf(first).map((rows): TaskComparison => {
    const { dataset, task, label } = rows[0]!;
    return { dataset, task, label, metrics: test(rows, others.get(taskKey(rows[0]!))!) };
  });
  if (tasks.length < 2) return tasks;
  return [...tasks, { dataset: 'all', task: '', label: null, metrics: test(first, second) }];
}

function taskKey({ dataset, task, label }: ScoreRow): string {
  return JSON.stringify([dataset, task, label]);
}
