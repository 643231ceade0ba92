import { compareCodePoints } from '../dataset/split.js';
import { groupBy } from '../group-by.js';
import { mean } from '../statistics/mean.js';
import type { ScoredCase } from './scored-case.js';
import type { Metric } from './scores.js';

/** A subject's mean over its images in each task of its data set; NaN where it has no image of that task. */
export type TaskMeans = readonly number[];

/** By data set and subject, in the order of their names, whatever the order of the rows. */
export type SubjectMeans = readonly (readonly TaskMeans[])[];

/** The rows of each task: a task is a label, of a named task where a table names some, of a data set. */
export function tasksOf<R extends ScoredCase<never>>(rows: readonly R[]): R[][] {
  return groupBy(rows, ({ dataset, task, label }) => JSON.stringify([dataset, task, label]));
}

export function subjectsOf<R extends ScoredCase<never>>(rows: readonly R[]): R[][] {
  return groupBy(rows, ({ dataset, subject }) => JSON.stringify([dataset, subject]));
}

/** The first two levels of an aggregation: image -> subject, in each task by itself. */
export function subjectMeans<M extends Metric>(rows: readonly ScoredCase<M>[], metric: M): SubjectMeans {
  return byName(rows, ({ dataset }) => dataset).map((own) => {
    const tasks = new Map(byName(own, taskKey).map((list, at) => [taskKey(list[0]!), at]));
    return byName(own, ({ subject }) => subject).map((images) => {
      const means = new Array<number>(tasks.size).fill(Number.NaN);
      for (const list of groupBy(images, taskKey))
        means[tasks.get(taskKey(list[0]!))!] = mean(list.map(({ scores }) => scores[metric]));
      return means;
    });
  });
}

/** The other levels: subject -> task -> data set -> mean over the data sets, each the plain mean of the one below. */
export function meanOfSubjects(subjects: SubjectMeans): number {
  return mean(subjects.map(datasetMean));
}

function datasetMean(subjects: readonly TaskMeans[]): number {
  let [total, tasks] = [0, 0];
  for (let task = 0; task < (subjects[0]?.length ?? 0); task++) {
    let [sum, count] = [0, 0];
    for (const means of subjects) {
      const value = means[task]!;
      if (Number.isNaN(value)) continue;
      sum += value;
      count += 1;
    }
    if (count === 0) continue;
    total += sum / count;
    tasks += 1;
  }
  return total / tasks;
}

function taskKey({ task, label }: ScoredCase<never>): string {
  return JSON.stringify([task, label]);
}

function byName<T>(items: readonly T[], key: (item: T) => string): T[][] {
  return groupBy(items, key).sort((a, b) => compareCodePoints(key(a[0]!), key(b[0]!)));
}
