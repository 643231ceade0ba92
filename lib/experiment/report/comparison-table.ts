import type { Comparison } from '../comparisons.js';
import { METRICS, type Metric } from '../score-mask.js';
import type { Cell, TableCell, TableSection } from './content.js';
import { intervalText } from './estimates.js';

/** Comparisons of one size of support set, for people: a row for each data set and method, metrics side by side. */
export function comparisonTable(comparisons: readonly Comparison[], name: string): TableSection[] {
  const first = comparisons[0];
  if (first === undefined) return [];
  const rows = comparisons.filter(({ metric }) => metric === first.metric);
  return [
    {
      kind: 'table',
      name,
      title: `${first.method} against the others, ${examples(first.n)}`,
      note:
        `Paired were, subject by subject, the means over the same queries and support sets of ${first.method} and of the other ` +
        'method, seeds of a training averaged. ' +
        `Differences are ${first.method} less the other one, in brackets the 95 % interval of a paired bootstrap over subjects; ` +
        'p: paired bootstrap and Wilcoxon’s signed-rank test, two-sided, corrected by Holm over all comparisons of this ' +
        'table by that metric. comparisons.csv has the uncorrected ones too.',
      columns: [
        'data set',
        'against',
        'queries',
        'subjects',
        'draws',
        ...METRICS.flatMap(({ name: metric }) => [
          { title: `${metric}: difference`, parts: ['ci low', 'ci high'] },
          `${metric}: p bootstrap`,
          `${metric}: p Wilcoxon`,
        ]),
      ],
      rows: rows.map(({ dataSet, against, counts: { queries, subjects, draws } }): TableCell[] => [
        dataSet,
        against,
        queries,
        subjects,
        draws,
        ...METRICS.flatMap((metric) =>
          metricCells(
            comparisons.find(
              (one) => one.metric === metric && one.dataSet === dataSet && one.against === against,
            ),
            metric,
          ),
        ),
      ]),
    },
  ];
}

function metricCells(comparison: Comparison | undefined, { digits, distance }: Metric): TableCell[] {
  if (comparison === undefined) return [null, null, null];
  const { test, holm, counts } = comparison;
  const { difference, interval } = test;
  const unit = distance ? ` ${counts.unit}` : '';
  const range = interval === null ? '' : ` ${intervalText(interval, digits)}`;
  return [
    {
      text: `${difference > 0 ? '+' : ''}${difference.toFixed(digits)}${unit}${range}`,
      value: difference,
      parts: interval ?? [null, null],
    },
    pCell(holm.bootstrap),
    pCell(holm.wilcoxon),
  ];
}

function pCell(p: number | null): TableCell {
  return p === null ? null : { text: p < 0.001 ? '< 0.001' : p.toFixed(3), value: p };
}

function examples(n: number): string {
  return `${n} ${n === 1 ? 'example' : 'examples'}`;
}

/** Of comparisons.csv. */
export const COMPARISON_COLUMNS = [
  'data set',
  'examples',
  'metric',
  'unit',
  'method',
  'against',
  'queries',
  'subjects',
  'draws',
  'seeds of the other',
  'mean',
  'mean of the other',
  'difference',
  'ci low',
  'ci high',
  'p bootstrap',
  'p bootstrap Holm',
  'p Wilcoxon',
  'p Wilcoxon Holm',
  'comparisons corrected together',
] as const;

export function comparisonRow(comparison: Comparison): Cell[] {
  const { dataSet, n, metric, method, against, counts, test, holm, family } = comparison;
  return [
    dataSet,
    n,
    metric.name,
    metric.distance ? counts.unit : null,
    method,
    against,
    counts.queries,
    counts.subjects,
    counts.draws,
    counts.seeds,
    test.first,
    test.second,
    test.difference,
    ...(test.interval ?? [null, null]),
    test.p,
    holm.bootstrap,
    test.p === null ? null : test.wilcoxon.p,
    holm.wilcoxon,
    family,
  ];
}
