import { compareMethods } from './comparisons.js';
import { boxUnits, type Experiment, type Setup, supportUnits } from './experiment.js';
import { byMethod } from './grouping.js';
import { barChart, spread } from './report/charts.js';
import { comparisonTable } from './report/comparison-table.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import {
  best,
  COUNT_COLUMNS,
  countCells,
  ESTIMATES_NOTE,
  estimateCell,
  estimateColumn,
} from './report/estimates.js';
import type { Results } from './results.js';
import { METRICS } from './score-mask.js';
import { summarise } from './summary.js';

/** Variants of one method: readings of the pooled adapter, its rank, the target of the loss. */
export const ablation: Experiment = {
  name: 'ablation',
  title: 'Variants of the adapter',
  units: (setup) => [
    ...supportUnits(setup, setup.test, { sizes: [sizeOf(setup)] }),
    ...boxUnits(setup, setup.test),
  ],
  async report(setup, results) {
    const { config } = setup;
    const comparisons = compareMethods(setup, results, sizeOf(setup));
    return {
      lead:
        `Each variant trained alike on ${config.train.join(', ') || 'synthetic tasks'} with the seeds ${config.seeds.join(', ')}, and asked for ` +
        `${config.test.join(', ')}: mean Dice over images, subjects, tasks and data sets, ${sizeOf(setup)} examples, ${config.draws} draws. ` +
        `${ESTIMATES_NOTE} "boxes" is prompted with boxes from the truth.`,
      sections: [
        chart(setup, results),
        table(setup, results),
        ...comparisonTable(comparisons, 'variants-comparisons'),
      ],
      comparisons,
    };
  },
};

function sizeOf({ config }: Pick<Setup, 'config'>): number {
  return Math.max(...config.supports);
}

function chart(setup: Setup, results: Results): ChartSection {
  const rows = byMethod(setup.instances).flatMap(({ label, instances }) => [
    {
      group: label,
      series: 'examples',
      ...spread(
        summarise(results.support(instances, setup.test, { n: sizeOf(setup), draws: setup.config.draws })),
      ),
    },
    { group: label, series: 'boxes', ...spread(summarise(results.boxes(instances, setup.test))) },
  ]);
  return {
    kind: 'chart',
    name: 'variants',
    title: 'Dice by variant',
    rows,
    spec: barChart('variant', 'Dice'),
  };
}

function table(setup: Setup, results: Results): TableSection {
  const methods = byMethod(setup.instances);
  const answers = methods.map(({ instances }) =>
    results.support(instances, setup.test, { n: sizeOf(setup), draws: setup.config.draws }),
  );
  const summaries = METRICS.map((metric) => answers.map((each) => summarise(each, metric)));
  const rows = methods.map(({ label, instances }, at): TableCell[] => {
    const record = instances.map((instance) => results.training(instance)).find(Boolean);
    const boxes = results.boxes(instances, setup.test);
    return [
      label,
      record?.trainableParameters ?? 0,
      record?.adapterParameters ?? 0,
      ...countCells(summaries[0]![at]!),
      ...METRICS.map((metric, column) => {
        const all = summaries[column]!;
        return estimateCell(all[at]!, { ...metric, strong: best(all, metric.better) === at });
      }),
      ...METRICS.map((metric) => estimateCell(summarise(boxes, metric), metric)),
      summaries[0]![at]!.unit,
      record === undefined ? null : { text: `${Math.round(record.seconds)} s`, value: record.seconds },
    ];
  });
  const names = METRICS.map(({ name }) => name);
  return {
    kind: 'table',
    name: 'variants-table',
    title: 'In numbers',
    columns: [
      'variant',
      'trainable parameters',
      'of these in the adapter',
      ...COUNT_COLUMNS,
      ...names.map(estimateColumn),
      ...names.map((name) => estimateColumn(`boxes: ${name}`)),
      'ASSD in',
      'training',
    ],
    rows,
  };
}
