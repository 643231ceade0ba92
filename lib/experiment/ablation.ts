import { boxUnits, type Experiment, type Setup, supportUnits } from './experiment.js';
import { byMethod } from './grouping.js';
import { barChart, spread } from './report/charts.js';
import type { ChartSection, TableCell, TableSection } from './report/content.js';
import { best, summaryCell } from './report/summary-cell.js';
import type { Results } from './results.js';

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
    return {
      lead:
        `Each variant trained alike on ${config.train.join(', ') || 'synthetic tasks'} with the seeds ${config.seeds.join(', ')}, and asked for ` +
        `${config.test.join(', ')}: mean Dice over images, subjects, tasks and data sets, ${sizeOf(setup)} examples, ${config.draws} draws. ` +
        '± is the standard deviation between draws and seeds. "boxes" is prompted with boxes from the truth.',
      sections: [chart(setup, results), table(setup, results)],
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
      ...spread(results.support(instances, setup.test, { n: sizeOf(setup), draws: setup.config.draws })),
    },
    { group: label, series: 'boxes', ...spread(results.boxes(instances, setup.test)) },
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
  const all = methods.map(({ instances }) =>
    results.support(instances, setup.test, { n: sizeOf(setup), draws: setup.config.draws }),
  );
  const rows = methods.map(({ label, instances }, at): TableCell[] => {
    const record = instances.map((instance) => results.training(instance)).find(Boolean);
    return [
      label,
      record?.trainableParameters ?? 0,
      record?.adapterParameters ?? 0,
      summaryCell(all[at]!, { strong: best(all, 'more') === at }),
      summaryCell(results.boxes(instances, setup.test)),
      record === undefined ? null : { text: `${Math.round(record.seconds)} s`, value: record.seconds },
    ];
  });
  return {
    kind: 'table',
    name: 'variants-table',
    title: 'In numbers',
    columns: [
      'variant',
      'trainable parameters',
      'of these in the adapter',
      'Dice',
      'boxes: Dice',
      'training',
    ],
    rows,
  };
}
