import type { Estimate, LevelSummary } from '../evaluation/aggregate.js';
import type { TaskComparison } from '../evaluation/compare.js';
import type { PairedTest } from '../evaluation/paired-test.js';
import type { Metric } from '../evaluation/scores.js';
import type { Summary } from '../evaluation/summary.js';
import { textTable } from './text-table.js';

/** The metrics that people see, with their digits; files have all of them. */
const SHOWN: readonly (readonly [metric: Metric, name: string, digits: number])[] = [
  ['dice', 'Dice', 3],
  ['jaccard', 'Jaccard', 3],
  ['assd', 'ASSD', 2],
  ['hd95', 'HD95', 2],
  ['nsd', 'NSD', 3],
];

/** An evaluation for people: one line a task, then data sets where there are several tasks, then tests. */
export function describeSummary(summary: Summary): string {
  const { tasks, datasets, all } = summary.aggregate;
  const several = datasets.length > 1;
  const units = [...new Set(summary.metric_per_case.map(({ unit }) => unit))].join(' or ');
  const head = ['task', 'images', 'subjects', ...SHOWN.map(([, name]) => name), 'empty'];
  const rows = tasks.map((task) => [nameOf(task, several), ...levelCells(task), emptyText(task.empty)]);
  if (tasks.length > 1)
    rows.push(...datasets.map((one) => [`mean of ${one.dataset}`, ...levelCells(one), '']));
  if (several) rows.push(['mean of the data sets', ...levelCells(all), '']);
  const against = summary.against;
  return [
    textTable([head, ...rows]),
    `Means over subjects with 95 % intervals (bootstrap); distances in ${units}, NSD at ${summary.tolerance} ${units}. Empty masks: both = agreement, one = 0 and the image's diagonal.`,
    ...(against === undefined ? [] : ['', comparisonText(against.predictions, against.comparison, several)]),
  ].join('\n');
}

function nameOf(
  { dataset, task, label }: Pick<TaskComparison, 'dataset' | 'task' | 'label'>,
  several: boolean,
): string {
  if (label === null) return 'all';
  return [...(several ? [dataset] : []), ...(task === '' ? [] : [task]), `label ${label}`].join(' / ');
}

function levelCells({ images, subjects, metrics }: LevelSummary): string[] {
  return [
    String(images),
    String(subjects),
    ...SHOWN.map(([metric, , digits]) => estimateText(metrics[metric], digits)),
  ];
}

function estimateText({ mean, interval }: Estimate, digits: number): string {
  const range = interval === null ? '' : ` [${interval[0].toFixed(digits)}, ${interval[1].toFixed(digits)}]`;
  return `${mean.toFixed(digits)}${range}`;
}

function emptyText(empty: { both: number; prediction: number; truth: number }): string {
  const parts = Object.entries(empty).filter(([, count]) => count > 0);
  return parts.map(([which, count]) => `${count} ${which}`).join(', ') || '-';
}

function comparisonText(
  predictions: string,
  comparison: readonly TaskComparison[],
  several: boolean,
): string {
  const rows = comparison.flatMap((one) =>
    SHOWN.map(([metric, name, digits], at) => [
      at === 0 ? nameOf(one, several) : '',
      name,
      ...testCells(one.metrics[metric], digits),
    ]),
  );
  return [
    `Difference to ${predictions}, paired by subject (above 0: --pred has the larger number):`,
    textTable([['task', 'metric', 'pairs', 'difference', 'p (bootstrap)', 'p (Wilcoxon)'], ...rows]),
  ].join('\n');
}

function testCells(test: PairedTest, digits: number): string[] {
  return [
    String(test.subjects),
    estimateText({ mean: test.difference, interval: test.interval }, digits + 1),
    test.p === null ? '-' : test.p.toPrecision(2),
    `${test.wilcoxon.p.toPrecision(2)} (${test.wilcoxon.method})`,
  ];
}
