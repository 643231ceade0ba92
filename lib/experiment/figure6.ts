import { type Experiment, type Setup, supportUnits } from './experiment.js';
import { byDataSet, byMethod, dataSetsAndAll, type MethodGroup } from './grouping.js';
import { lineChart, spread } from './report/charts.js';
import type { ChartSection, TableSection } from './report/content.js';
import {
  COUNT_COLUMNS,
  countCells,
  ESTIMATES_NOTE,
  estimateCell,
  estimateColumn,
} from './report/estimates.js';
import type { Results } from './results.js';
import { type Summary, summarise } from './summary.js';
import type { TestTask } from './test-task.js';

/** How much the size of the support set matters, with one prediction and with the mean of several. */
export const figure6: Experiment = {
  name: 'figure6',
  title: 'Size of the support set',
  units: (setup) => [
    ...supportUnits(setup, setup.test),
    ...ensembleSizes(setup).flatMap((ensemble) => supportUnits(setup, setup.test, { ensemble })),
  ],
  async report(setup, results) {
    const { config, test } = setup;
    const panels = byDataSet(test);
    return {
      lead:
        `Dice by the number of examples, ${config.draws} draws of each. An ensemble of ${config.ensemble} is the mean of predictions ` +
        'from as many support sets of that size, drawn from the same pool; where the pool is not larger than one support set it is taken ' +
        `whole, without an ensemble. Bands show the same as ±. ${ESTIMATES_NOTE}`,
      sections: [
        chart(setup, results, 'all', [{ name: 'mean over the data sets', tasks: test }]),
        ...(panels.length > 1 ? [chart(setup, results, 'data-sets', panels)] : []),
        table(setup, results),
      ],
    };
  },
};

function ensembleSizes({ config }: Pick<Setup, 'config'>): number[] {
  return config.ensemble > 1 ? [config.ensemble] : [];
}

interface Series {
  readonly name: string;
  readonly method: MethodGroup;
  readonly ensemble: number;
}

function seriesOf(setup: Setup): Series[] {
  return byMethod(setup.instances).flatMap((method) => [
    { name: method.label, method, ensemble: 1 },
    ...ensembleSizes(setup).map((ensemble) => ({
      name: `${method.label}, ensemble of ${ensemble}`,
      method,
      ensemble,
    })),
  ]);
}

function at(
  { config }: Setup,
  results: Results,
  { method, ensemble }: Series,
  tasks: readonly TestTask[],
  n: number,
): Summary {
  return summarise(results.support(method.instances, tasks, { n, draws: config.draws, ensemble }));
}

function chart(
  setup: Setup,
  results: Results,
  name: string,
  panels: readonly { readonly name: string; readonly tasks: readonly TestTask[] }[],
): ChartSection {
  const rows = panels.flatMap((panel) =>
    seriesOf(setup).flatMap((series) =>
      setup.config.supports.map((n) => ({
        panel: panel.name,
        series: series.name,
        x: n,
        ...spread(at(setup, results, series, panel.tasks, n)),
      })),
    ),
  );
  return {
    kind: 'chart',
    name: `support-${name}`,
    title: panels.length > 1 ? 'By data set' : 'Mean over the data sets',
    rows,
    spec: lineChart('examples', 'Dice', {
      counts: setup.config.supports,
      columns: panels.length > 1 ? 3 : 0,
    }),
  };
}

function table(setup: Setup, results: Results): TableSection {
  return {
    kind: 'table',
    name: 'support-table',
    title: 'In numbers',
    columns: ['data set', 'method', 'examples', ...COUNT_COLUMNS, estimateColumn('Dice')],
    rows: dataSetsAndAll(setup.test).flatMap(({ name, tasks }) =>
      seriesOf(setup).flatMap((series) =>
        setup.config.supports.map((n) => {
          const summary = at(setup, results, series, tasks, n);
          return [name, series.name, n, ...countCells(summary), estimateCell(summary)];
        }),
      ),
    ),
  };
}
